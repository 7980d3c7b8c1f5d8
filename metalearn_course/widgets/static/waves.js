import { clamp, inSteps, linear, log, logTicks, path, short } from "./logic.js";
import { button, canvas, draw, follow, frame, html, listen, place, put, scrubbed, slider, unique } from "./kit.js";

const REACH = 5.6;

function render({ model, el }) {
  const root = frame("Two starts");
  const svg = canvas(760, 440, "Five points on a faint bundle of sine waves; two curves that learn from the points; their errors below");
  const box = { left: 44, right: 748, top: 34, bottom: 290 };
  const low = { left: 44, right: 748, top: 330, bottom: 408 };
  const xs = model.get("frames").x;
  const [west, east] = [xs[0], xs.at(-1)];
  const x = linear(west, east, box.left, box.right);
  const y = linear(-REACH, REACH, box.bottom, box.top);
  const styles = {
    pooled: { stroke: "var(--ml-pooled)", "stroke-width": 2.6 },
    learned: { stroke: "var(--ml-learned)", "stroke-width": 2.6, "stroke-dasharray": "9 4" },
  };
  let points = model.get("points");
  let at = model.get("at");

  const defs = draw(svg, "defs");
  const clip = unique("clip");
  draw(draw(defs, "clipPath", { id: clip }), "rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top });
  for (const tick of [-4, -2, 0, 2, 4]) {
    draw(svg, "line", { x1: box.left, x2: box.right, y1: y(tick), y2: y(tick), class: "grid" });
    draw(svg, "text", { x: box.left - 8, y: y(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
    draw(svg, "text", { x: x(tick), y: box.bottom + 16, text: tick, class: "quiet", "text-anchor": "middle" });
  }
  draw(svg, "path", { d: `M${box.left} ${box.top}V${box.bottom}H${box.right}`, fill: "none", class: "axis" });
  const field = draw(svg, "g", { "clip-path": `url(#${clip})` });
  for (const wave of model.get("bundle")) {
    const across = linear(0, wave.length - 1, west, east);
    draw(field, "path", { d: path([...wave.keys()].map(across), wave, x, y, -9, 9), fill: "none", stroke: "var(--ml-line)", "stroke-width": 0.8, opacity: 0.4 });
  }
  const truth = draw(field, "path", { fill: "none", stroke: "var(--ml-ink)", "stroke-width": 1.4, "stroke-dasharray": "4 4" });
  const curves = {};
  for (const name of ["pooled", "learned"]) curves[name] = draw(field, "path", { fill: "none", "stroke-linejoin": "round", ...styles[name] });
  const errors = draw(svg, "g");

  // The key: the same strokes, with their names.
  let keyX = box.left;
  for (const [name, attributes, width] of [
    ["pooled start", styles.pooled, 150],
    ["learned start", styles.learned, 155],
    ["truth", { stroke: "var(--ml-ink)", "stroke-width": 1.4, "stroke-dasharray": "4 4" }, 105],
  ]) {
    draw(svg, "line", { x1: keyX, x2: keyX + 34, y1: 14, y2: 14, ...attributes });
    draw(svg, "text", { x: keyX + 42, y: 18, text: name });
    keyX += width;
  }
  draw(svg, "circle", { cx: keyX + 8, cy: 14, r: 6, fill: "var(--ml-weight)" });
  draw(svg, "text", { x: keyX + 22, y: 18, text: "support: drag the points" });

  const dots = points.map((_, i) => {
    const dot = draw(svg, "circle", { r: 8, class: "ml-handle", tabindex: 0, role: "button", fill: "var(--ml-weight)", stroke: "var(--ml-paper)", "stroke-width": 2 });
    follow(dot, {
      move: (event) => {
        const [px, py] = place(svg, event);
        moveTo(i, linear(box.left, box.right, west, east)(px), linear(box.bottom, box.top, -REACH, REACH)(py));
      },
      end: commit,
    });
    dot.addEventListener("keydown", (event) => {
      const nudge = { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, 0.2], ArrowDown: [0, -0.2] }[event.key];
      if (!nudge) return;
      event.preventDefault();
      event.stopPropagation();
      moveTo(i, points[i][0] + nudge[0], points[i][1] + nudge[1]);
    });
    dot.addEventListener("keyup", (event) => event.key.startsWith("Arrow") && commit());
    return dot;
  });

  const steps = model.get("frames").steps;
  const scrub = slider("gradient steps on the five points", { min: 0, max: steps.length - 1, step: 1, value: at });
  const fresh = button("new wave", () => {
    busy(true);
    model.send({ type: "new wave" });
  });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  root.append(svg, html("div", { class: "ml-row" }, scrub.row, fresh), status);
  el.append(root);

  function moveTo(i, px, py) {
    points = points.map((point, j) => (j === i ? [clamp(px, west, east), clamp(py, -REACH, REACH)].map((v) => Number(v.toFixed(2))) : point));
    dotsAt();
    busy(true);
  }
  function commit() {
    const before = JSON.stringify(model.get("points"));
    if (before === JSON.stringify(points)) return busy(false);
    model.set("points", points);
    model.save_changes();
  }
  const busy = (now) => [field, errors].forEach((node) => node.classList.toggle("ml-busy", now));
  function dotsAt() {
    dots.forEach((dot, i) => {
      const [px, py] = points[i];
      put(dot, { cx: x(px), cy: y(py), "aria-label": `point ${i + 1} at x ${short(px)}, y ${short(py)}; arrow keys move it` });
    });
  }

  function show() {
    const frames = model.get("frames");
    truth.setAttribute("d", frames.truth ? path(frames.x, frames.truth, x, y, -9, 9) : "");
    for (const name of ["pooled", "learned"]) curves[name].setAttribute("d", path(frames.x, frames[name].curves[at], x, y, -99, 99));
    scrub.input.value = at;
    scrub.input.setAttribute("aria-valuetext", inSteps(steps[at]));
    scrub.value.textContent = steps[at];
    errorsBelow(frames);
    const both = ["pooled", "learned"].map((name) => `${name} start ${short(frames[name].error?.[at] ?? null)}`);
    status.textContent = frames.truth
      ? `After ${inSteps(steps[at])}, mean squared error against the whole wave: ${both.join(", ")}.`
      : `After ${inSteps(steps[at])}. Your points lie on no known wave, so there is no error to show; “new wave” brings one.`;
  }
  function errorsBelow(frames) {
    errors.replaceChildren();
    if (!frames.truth) return;
    const all = [...frames.pooled.error, ...frames.learned.error].filter((value) => value > 0);
    const [least, most] = [Math.min(...all) / 1.4, Math.max(...all) * 1.4];
    const across = linear(0, steps.length - 1, low.left + 14, low.right - 14);
    const up = log(least, most, low.bottom, low.top);
    draw(errors, "text", { x: low.left, y: low.top - 8, text: "mean squared error (log scale) after so many gradient steps", class: "quiet" });
    const ticks = logTicks(least, most);
    for (const tick of ticks.length > 5 ? ticks.filter((_, i) => i % 2 === 0) : ticks) {
      draw(errors, "line", { x1: low.left, x2: low.right, y1: up(tick), y2: up(tick), class: "grid" });
      draw(errors, "text", { x: low.left - 8, y: up(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
    }
    draw(errors, "path", { d: `M${low.left} ${low.top}V${low.bottom}H${low.right}`, fill: "none", class: "axis" });
    draw(errors, "line", { x1: across(at), x2: across(at), y1: low.top, y2: low.bottom, stroke: "var(--ml-quiet)", "stroke-dasharray": "2 3" });
    steps.forEach((step, i) => draw(errors, "text", { x: across(i), y: low.bottom + 16, text: step, class: "quiet", "text-anchor": "middle" }));
    for (const name of ["pooled", "learned"]) {
      const values = frames[name].error;
      draw(errors, "path", { d: path([...values.keys()], values, across, up, least, most), fill: "none", ...styles[name], "stroke-width": 1.8 });
      values.forEach((value, i) => {
        if (value === null) return;
        const [size, look] = [i === at ? 6 : 3, { fill: styles[name].stroke }];
        if (name === "pooled") draw(errors, "rect", { x: across(i) - size, y: up(value) - size, width: 2 * size, height: 2 * size, ...look });
        else draw(errors, "circle", { cx: across(i), cy: up(value), r: size, ...look });
      });
    }
  }

  scrubbed(scrub, model, (slid) => {
    at = slid;
    show();
  });
  dotsAt();
  show();
  return listen(model, ["frames", "points"], () => {
    points = model.get("points");
    busy(false);
    dotsAt();
    show();
  });
}

export default { render };
