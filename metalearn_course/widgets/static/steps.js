import { clamp, linear, log, logTicks, marker, minus, path, short, signed, stepTicks } from "./logic.js";
import { canvas, draw, frame, html, listen, put, scrubbed, slider, unique } from "./kit.js";

const stroke = (line) => ({ stroke: line.screen, "stroke-width": 2.2, "stroke-dasharray": line.dash.map((part) => 2 * part).join(" ") });
const mark = (parent, line, size, attributes = {}) => draw(parent, "path", { d: marker(line.marker, size), fill: line.screen, ...attributes });
const moved = (node, x, y) => put(node, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, visibility: "visible" });

function render({ model, el }) {
  const frames = model.get("frames");
  const { steps, places, rules, curves, horizon, last } = frames;
  const [low, high] = frames.range;
  const root = frame("Steps");
  const svg = canvas(760, 392, "The update of each rule against the gradient, and the loss of every step with a line at the horizon of meta-training");
  const box = { left: 52, right: 392, top: 68, bottom: 334 };
  const side = { left: 456, right: 748, top: 68, bottom: 334 };
  const x = linear(places[0], places.at(-1), box.left, box.right);
  const across = frames.log ? log(1, last, side.left, side.right) : linear(0, last, side.left, side.right);
  const up = log(low, high, side.bottom, side.top);
  let at = model.get("at");

  const defs = draw(svg, "defs");
  const clip = unique("clip");
  const inside = ({ left, right, top, bottom }, name) => {
    draw(draw(defs, "clipPath", { id: `${clip}-${name}` }), "rect", { x: left, y: top, width: right - left, height: bottom - top });
    return draw(svg, "g", { "clip-path": `url(#${clip}-${name})` });
  };
  const axes = ({ left, right, top, bottom }) => draw(svg, "path", { d: `M${left} ${top}V${bottom}H${right}`, fill: "none", class: "axis" });
  const heading = (chart, text = "") => draw(svg, "text", { x: chart.left, y: 46, text, style: "font-weight:600;font-size:13px" });
  const below = (chart, text) => draw(svg, "text", { x: (chart.left + chart.right) / 2, y: chart.bottom + 38, text, "text-anchor": "middle" });
  key();

  // Left: updates against the gradient.
  const title = heading(box);
  for (const [place, text] of frames.ticks) {
    draw(svg, "line", { x1: x(place), x2: x(place), y1: box.top, y2: box.bottom, class: "grid" });
    draw(svg, "text", { x: x(place), y: box.bottom + 17, text, class: "quiet", "text-anchor": "middle" });
  }
  const middle = (box.top + box.bottom) / 2;
  draw(svg, "line", { x1: box.left, x2: box.right, y1: middle, y2: middle, class: "axis" });
  const ends = [box.top, middle, box.bottom].map((y) => draw(svg, "text", { x: box.left - 7, y: y + 4, class: "quiet", "text-anchor": "end" }));
  below(box, "gradient of a weight (signed log)");
  axes(box);
  const field = inside(box, "updates");
  const drawn = rules.map((rule) => {
    const cloud = draw(field, "g", { opacity: 0.3 });
    return { cloud, line: draw(field, "path", { fill: "none", "stroke-linejoin": "round", ...stroke(rule) }) };
  });
  const EDGE = { stroke: "var(--ml-paper)", "stroke-width": 1.5 };
  rules.forEach((rule, i) => (drawn[i].actual = mark(field, rule, 5.5, EDGE)));

  // Right: losses against the step.
  heading(side, "mean loss after each step (log)");
  if (horizon < last)
    draw(svg, "rect", { x: across(horizon), y: side.top, width: side.right - across(horizon), height: side.bottom - side.top, fill: "var(--ml-faint)", opacity: 0.45 });
  for (const tick of logTicks(low, high)) {
    draw(svg, "line", { x1: side.left, x2: side.right, y1: up(tick), y2: up(tick), class: "grid" });
    draw(svg, "text", { x: side.left - 7, y: up(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
  }
  for (const tick of frames.log ? logTicks(1, last) : stepTicks(last)) draw(svg, "text", { x: across(tick), y: side.bottom + 17, text: tick, class: "quiet", "text-anchor": "middle" });
  below(side, frames.log ? "step (log)" : "step");
  axes(side);
  const losses = inside(side, "losses");
  for (const line of curves) {
    const known = line.mean.map((value, i) => (value === null ? -1 : i)).filter((i) => i >= 0);
    const edge = (part) => known.map((i) => `${across(line.steps[i]).toFixed(1)} ${up(clamp(line[part][i], low / 10, 10 * high)).toFixed(1)}`);
    if (known.length) draw(losses, "path", { d: `M${[...edge("high"), ...edge("low").reverse()].join("L")}Z`, fill: line.screen, opacity: 0.15 });
    draw(losses, "path", { d: path(line.steps, line.mean, across, up, low / 10, 10 * high), fill: "none", "stroke-linejoin": "round", ...stroke(line) });
    if (!line.diverged) continue;
    const end = known.at(-1) ?? 0;
    const [px, py] = [across(line.steps[end]), up(Math.min(line.mean[end] ?? high, high / 1.3))];
    draw(svg, "path", { d: "M-5 -5L5 5M-5 5L5 -5", stroke: line.screen, "stroke-width": 3, transform: `translate(${px} ${py})` });
    const late = px > (side.left + side.right) / 2;
    draw(svg, "text", { x: px + (late ? -9 : 9), y: py + 4, text: "diverged", class: "halo", "text-anchor": late ? "end" : "start" });
  }
  draw(svg, "line", { x1: across(horizon), x2: across(horizon), y1: side.top, y2: side.bottom, stroke: "var(--ml-ink)", "stroke-width": 1.4, "stroke-dasharray": "5 4" });
  draw(svg, "text", { x: clamp(across(horizon), side.left + 36, side.right - 36), y: side.top - 5, text: `horizon: ${horizon}`, class: "quiet", "text-anchor": "middle" });
  const here = draw(svg, "line", { y1: side.top, y2: side.bottom, stroke: "var(--ml-quiet)", "stroke-dasharray": "2 3" });
  const marks = curves.map((line) => mark(svg, line, 5.5, EDGE));

  const scrub = slider("step", { min: 0, max: steps.length - 1, step: 1, value: at });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite", style: "min-height:4.4em" });
  root.append(svg, html("div", { class: "ml-row" }, scrub.row), status);
  el.append(root);

  function key() {
    const names = [...new Map([...rules, ...curves].map((line) => [line.name, line])).values()];
    const wide = names.map(({ name }) => 80 + 6.6 * name.length);
    let keyX = box.left;
    names.forEach((line, i) => {
      draw(svg, "line", { x1: keyX, x2: keyX + 44, y1: 12, y2: 12, ...stroke(line) });
      moved(mark(svg, line, 4.5), keyX + 22, 12);
      draw(svg, "text", { x: keyX + 51, y: 16, text: line.name });
      keyX += wide[i];
    });
  }

  function show() {
    const k = steps[at];
    const reach = frames.reach[at];
    const y = linear(-reach, reach, box.bottom, box.top);
    title.textContent = `update at step ${k}`;
    [reach, 0, -reach].forEach((value, i) => (ends[i].textContent = minus(value)));
    rules.forEach((rule, i) => {
      const { cloud, line, actual } = drawn[i];
      line.setAttribute("d", path(places, rule.updates[at], x, y, -2 * reach, 2 * reach));
      cloud.replaceChildren();
      for (const [place, update] of rule.dots[at]) moved(mark(cloud, rule, 2.2), x(place), y(clamp(update, -2 * reach, 2 * reach)));
      const [place, , update] = rule.actual[at];
      if (place === null || update === null) actual.setAttribute("visibility", "hidden");
      else moved(actual, x(place), y(update));
    });
    const onAxis = k <= last;
    put(here, { x1: across(k), x2: across(k), visibility: onAxis ? "visible" : "hidden" });
    const after = curves.map((line, i) => {
      const loss = line.mean[line.steps.indexOf(k)] ?? null;
      if (loss === null) marks[i].setAttribute("visibility", "hidden");
      else moved(marks[i], across(k), up(clamp(loss, low, high)));
      return line.steps.includes(k) ? `${line.name} ${short(loss)}` : null;
    });
    scrub.input.value = at;
    scrub.input.setAttribute("aria-valuetext", `step ${k}`);
    scrub.value.textContent = k;
    const came = rules.map((rule) => `${rule.name} ${signed(rule.actual[at][2])} for a gradient of ${signed(rule.actual[at][1])}`);
    const known = after.filter(Boolean);
    status.textContent =
      `Step ${k}${k > horizon ? ", beyond the horizon" : ""}. Updates of the weight: ${came.join("; ")}.` +
      (known.length ? ` Mean loss after the step: ${known.join(", ")}.` : "");
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
