import { linear, log, logTicks, minus, path, short } from "./logic.js";
import { canvas, draw, frame, html, listen, put, scrubbed, slider, unique } from "./kit.js";

const LOOKS = {
  "by heart": { color: "var(--ml-loss)", dash: "9 4" },
  "ridge regression": { color: "var(--ml-weight)", dash: "2 4" },
  transformer: { color: "var(--ml-learned)", dash: "" },
};

function render({ model, el }) {
  const root = frame("Few tasks or many");
  const svg = canvas(760, 400, "Left, errors on new tasks against the number of training tasks; right, answers for one new task");
  const left = { left: 56, right: 370, top: 46, bottom: 336 };
  const right = { left: 440, right: 748, top: 46, bottom: 336 };
  const frames = model.get("frames");
  const { counts, errors, along } = frames;
  let at = model.get("at");

  const all = Object.values(errors).flatMap((each) => each.filter(Boolean).map(([mean]) => mean));
  const [least, most] = [Math.min(...all) / 1.5, Math.max(...all) * 1.5];
  const across = linear(0, counts.length - 1, left.left + 18, left.right - 18);
  const up = log(least, most, left.bottom, left.top);
  const reach = 1.15 * Math.max(...frames.truth.map(Math.abs));
  const x = linear(along[0], along.at(-1), right.left, right.right);
  const y = linear(-reach, reach, right.bottom, right.top);

  // The key: the same strokes, with their names.
  let keyX = left.left;
  for (const [name, width] of [["transformer", 150], ["by heart", 130], ["ridge regression", 180], ["truth", 90]]) {
    const look = name === "truth" ? { stroke: "var(--ml-ink)", "stroke-width": 1.4, "stroke-dasharray": "5 4" } : strokeOf(name);
    draw(svg, "line", { x1: keyX, x2: keyX + 34, y1: 14, y2: 14, ...look });
    draw(svg, "text", { x: keyX + 42, y: 18, text: name });
    keyX += width;
  }

  const chosen = draw(svg, "rect", { y: left.top, width: 22, height: left.bottom - left.top, fill: "var(--ml-line)", opacity: 0.35 });
  const ticks = logTicks(least, most);
  for (const tick of ticks.length > 6 ? ticks.filter((_, i) => i % 2 === 0) : ticks) {
    draw(svg, "line", { x1: left.left, x2: left.right, y1: up(tick), y2: up(tick), class: "grid" });
    draw(svg, "text", { x: left.left - 8, y: up(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
  }
  counts.forEach((count, i) => draw(svg, "text", { x: across(i), y: left.bottom + 18, text: count, class: "quiet", "text-anchor": "middle" }));
  draw(svg, "path", { d: `M${left.left} ${left.top}V${left.bottom}H${left.right}`, fill: "none", class: "axis" });
  draw(svg, "text", { x: left.left, y: left.top - 8, text: "mean squared error on new tasks (log scale)", class: "quiet" });
  draw(svg, "text", { x: (left.left + left.right) / 2, y: left.bottom + 40, text: "different tasks in training", class: "quiet", "text-anchor": "middle" });
  for (const name of Object.keys(LOOKS)) {
    const means = errors[name].map((error) => error && error[0]);
    draw(svg, "path", { d: path([...means.keys()], means, across, up, least, most), fill: "none", ...strokeOf(name) });
    means.forEach((mean, i) => mean !== null && mark(name, across(i), up(mean)));
  }

  const clip = unique("clip");
  draw(draw(draw(svg, "defs"), "clipPath", { id: clip }), "rect", { x: right.left, y: right.top, width: right.right - right.left, height: right.bottom - right.top });
  draw(svg, "line", { x1: right.left, x2: right.right, y1: y(0), y2: y(0), class: "grid" });
  for (const tick of [-1, 0, 1].map((sign) => sign * Number((reach / 1.3).toPrecision(1))))
    draw(svg, "text", { x: right.left - 8, y: y(tick) + 4, text: minus(tick), class: "quiet", "text-anchor": "end" });
  for (const tick of [-2, -1, 0, 1, 2]) draw(svg, "text", { x: x(tick), y: right.bottom + 18, text: minus(tick), class: "quiet", "text-anchor": "middle" });
  draw(svg, "path", { d: `M${right.left} ${right.top}V${right.bottom}H${right.right}`, fill: "none", class: "axis" });
  const title = draw(svg, "text", { x: right.left, y: right.top - 8, class: "quiet" });
  draw(svg, "text", { x: (right.left + right.right) / 2, y: right.bottom + 40, text: "place on a line through the inputs", class: "quiet", "text-anchor": "middle" });
  const field = draw(svg, "g", { "clip-path": `url(#${clip})` });
  draw(field, "path", { d: path(along, frames.truth, x, y, -99, 99), fill: "none", stroke: "var(--ml-ink)", "stroke-width": 1.4, "stroke-dasharray": "5 4" });
  const lines = Object.fromEntries(Object.keys(LOOKS).map((name) => [name, draw(field, "path", { fill: "none", ...strokeOf(name) })]));

  const scrub = slider("different tasks in training", { min: 0, max: counts.length - 1, step: 1, value: at });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  root.append(svg, html("div", { class: "ml-row" }, scrub.row), status);
  el.append(root);

  function strokeOf(name) {
    const { color, dash } = LOOKS[name];
    return { stroke: color, "stroke-width": 2.4, ...(dash && { "stroke-dasharray": dash }) };
  }
  function mark(name, cx, cy) {
    const look = { fill: LOOKS[name].color };
    if (name === "transformer") draw(svg, "circle", { cx, cy, r: 4.5, ...look });
    else if (name === "by heart") draw(svg, "rect", { x: cx - 4, y: cy - 4, width: 8, height: 8, ...look });
    else draw(svg, "path", { d: `M${cx} ${cy - 5}l5 9h-10z`, ...look });
  }
  function show() {
    put(chosen, { x: across(at) - 11 });
    const answers = { ...frames.answers, "ridge regression": counts.map(() => frames.ridge) };
    for (const [name, line] of Object.entries(lines)) line.setAttribute("d", answers[name][at] ? path(along, answers[name][at], x, y, -99, 99) : "");
    title.textContent = `answers for one new task, trained on ${counts[at]}`;
    scrub.input.value = at;
    scrub.input.setAttribute("aria-valuetext", `${counts[at]} tasks`);
    scrub.value.textContent = counts[at];
    status.textContent = `Trained on ${counts[at]} tasks, error on new ones ${short(errors.transformer[at][0])}. For the new task shown, ${frames.said[at]}`;
  }

  scrubbed(scrub, model, (slid) => {
    at = slid;
    show();
  });
  show();
  return listen(model, ["at"], () => {
    at = model.get("at");
    show();
  });
}

export default { render };
