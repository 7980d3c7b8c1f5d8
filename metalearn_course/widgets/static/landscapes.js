import { between, clamp, linear, log, marker, nearest, pair, same, short, wholeTicks } from "./logic.js";
import { button, canvas, draw, follow, frame, html, listen, place, put, scrubbed, slider, unique } from "./kit.js";

const onWhite = (name) => `var(--ml-on-white-${name})`; // the maps are light in every theme
const PATIENCE = 1500; // how long to wait for a kernel before the start moves to the grid

function render({ model, el }) {
  const frames = model.get("frames");
  const { axis, alphas } = frames;
  const [low, high] = [axis[0], axis.at(-1)];
  const root = frame("Landscapes");
  const svg = canvas(760, 476, "Two maps of the mean loss over the same starts: before any step, and after one step on each task");
  const [top, bottom] = [34, 364];
  const y = linear(low, high, bottom, top);
  let start = model.get("start");
  let at = model.get("at");
  let moving = false;
  let settling = null;

  const clip = unique("clip");
  const defs = draw(svg, "defs");
  const views = ["before", "after"].map((name, k) => {
    const [left, right] = k === 0 ? [40, 370] : [418, 748];
    const x = linear(low, high, left, right);
    draw(draw(defs, "clipPath", { id: `${clip}-${name}` }), "rect", { x: left, y: top, width: right - left, height: bottom - top });
    const title = draw(svg, "text", { x: left, y: 20, style: "font-weight:600;font-size:13px" });
    const field = draw(svg, "g", { "clip-path": `url(#${clip}-${name})`, class: "ml-field" });
    const cell = (right - left) / (axis.length - 1);
    const shades = draw(field, "image", {
      x: left - cell / 2, y: top - cell / 2, width: right - left + cell, height: bottom - top + cell, preserveAspectRatio: "none",
    });
    const lines = draw(field, "g");
    const line = (points) => `M${points.map(([w1, w2]) => `${x(w1).toFixed(1)} ${y(w2).toFixed(1)}`).join("L")}`;
    frames.tasks.forEach((task) => {
      const { color, name: letter } = task;
      for (const points of task.outline)
        for (const look of [{ stroke: "white", "stroke-width": 4 }, { stroke: color, "stroke-width": 2 }])
          draw(field, "path", { d: line(points), fill: "none", ...look });
      const [w1, w2] = task.lowest;
      draw(field, "path", { d: marker(task.marker, 6), fill: color, stroke: "white", "stroke-width": 1.4, transform: `translate(${x(w1)} ${y(w2)})` });
      draw(field, "text", { x: x(w1), y: y(w2) + 22, text: letter, class: "on-map", "text-anchor": "middle" });
    });
    for (const tick of wholeTicks(low, high)) {
      draw(svg, "text", { x: x(tick), y: bottom + 15, text: tick, class: "quiet", "text-anchor": "middle" });
      if (k === 0) draw(svg, "text", { x: left - 6, y: y(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
    }
    draw(svg, "text", { x: (left + right) / 2, y: bottom + 30, text: "w₁", "text-anchor": "middle" });
    if (k === 0) draw(svg, "text", { x: 2, y: (top + bottom) / 2 - 14, text: "w₂" });
    const value = (color) => draw(svg, "text", { class: "on-map number", style: color && `fill:${color}` });
    const marks = {
      pooled: draw(svg, "rect", { x: -7, y: -7, width: 14, height: 14, fill: onWhite("pooled"), ...EDGE }),
      learned: draw(svg, "circle", { r: 6, fill: onWhite("learned"), ...EDGE }),
    };
    const values = { pooled: value(onWhite("pooled")), learned: value(onWhite("learned")), here: value("") };
    const handle = draw(svg, "g", { class: "ml-handle", tabindex: 0, role: "button" });
    draw(handle, "circle", { r: 17, fill: "transparent" });
    draw(handle, "circle", { r: 10, fill: "none", stroke: "white", "stroke-width": 5 });
    draw(handle, "circle", { r: 10, fill: "none", stroke: onWhite("ink"), "stroke-width": 2.4 });
    const arrows = draw(svg, "g", { "pointer-events": "none" });
    const under = (event) => {
      const [px, py] = place(svg, event);
      moveTo([linear(left, right, low, high)(px), linear(bottom, top, low, high)(py)]);
    };
    follow(handle, { start: () => (moving = true), move: under, end: commit });
    field.addEventListener("click", (event) => {
      under(event);
      commit();
    });
    handle.addEventListener("keydown", (event) => {
      const nudge = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
      if (!nudge) return;
      event.preventDefault();
      event.stopPropagation();
      moving = true;
      moveTo(start.map((w, i) => w + nudge[i]));
    });
    handle.addEventListener("keyup", (event) => event.key.startsWith("Arrow") && commit());
    return { name, left, right, x, title, shades, lines, line, marks, values, handle, arrows };
  });
  key();

  const rate = slider("rate α of the step", { min: 0, max: alphas.length - 1, step: 1, value: at });
  const jump = (text, to) =>
    button(text, () => {
      start = to().at;
      show();
      commit();
    });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  const minima = html("p", { class: "ml-status" });
  root.append(
    svg,
    html("div", { class: "ml-row" }, rate.row, jump("to the pooled start", () => frames.pooled), jump("to the learned start", () => frames.learned[at])),
    status,
    minima,
  );
  el.append(root);

  function moveTo(w) {
    start = w.map((value) => Number(clamp(value, low, high).toFixed(2)));
    show();
  }
  function commit() {
    moving = false;
    model.set("start", start);
    model.save_changes();
    clearTimeout(settling);
    settling = setTimeout(() => {
      if (moving || known(start)) return;
      start = nearest(axis, start);
      show();
    }, PATIENCE);
  }
  const known = (w) => [model.get("here"), frames.pooled, ...frames.learned].find((record) => same(record.at, w));

  function paint() {
    for (const view of views) {
      const map = view.name === "before" ? frames.before : frames.after[at];
      view.title.textContent = view.name === "before" ? "mean loss before any step" : `mean loss after one step, α = ${alphas[at]}`;
      view.shades.setAttribute("href", map.shades);
      view.lines.replaceChildren();
      for (const points of map.lines) draw(view.lines, "path", { d: view.line(points), fill: "none", stroke: onWhite("contour"), "stroke-width": 0.9 });
      for (const [level, w1, w2] of map.labels)
        draw(view.lines, "text", { x: view.x(w1), y: y(w2) + 4, text: level, class: "on-map small", "text-anchor": "middle" });
    }
    rate.input.value = at;
    rate.input.setAttribute("aria-valuetext", alphas[at]);
    rate.value.textContent = alphas[at];
  }

  function show() {
    const here = known(start) ?? between(frames, start);
    const records = { pooled: frames.pooled, learned: frames.learned[at], here };
    for (const { name, x, right, marks, values, handle, arrows } of views) {
      const loss = (record) => (name === "before" ? record.before : record.after[at]);
      for (const [who, record] of Object.entries(records)) {
        const [px, py] = [x(record.at[0]), y(record.at[1])];
        const mark = marks[who] ?? handle;
        mark.setAttribute("transform", `translate(${px.toFixed(1)} ${py.toFixed(1)})`);
        const side = who === "here" ? (px > right - 60 ? -1 : 1) : who === "pooled" ? 1 : frames.sides[at];
        const down = who === "here" ? 24 : side > 0 ? -9 : 19;
        put(values[who], { x: px + 11 * side, y: py + down, "text-anchor": side > 0 ? "start" : "end", text: short(loss(record)) });
      }
      const doubled = [frames.pooled, frames.learned[at]].some((record) => same(record.at, start));
      values.here.setAttribute("visibility", doubled ? "hidden" : "visible");
      handle.setAttribute("aria-label", `start at w1 ${short(start[0])}, w2 ${short(start[1])}, mean loss ${name} the step ${short(loss(here))}; arrow keys move it`);
      arrows.replaceChildren();
      if (name === "after")
        here.adapted[at].forEach((w, i) => arrow(arrows, [x(start[0]), y(start[1])], [x(w[0]), y(w[1])], frames.tasks[i].color));
    }
    status.textContent = `From ${pair(start)} with α = ${alphas[at]}: mean loss ${short(here.before)} before the step, ${short(here.after[at])} after one step on each task.`;
    const { pooled, learned } = records;
    minima.textContent = `Lowest before: ${short(pooled.before)} at ${pair(pooled.at)}; from there one step leads to ${short(pooled.after[at])}. Lowest after: ${short(learned.after[at])}, from ${pair(learned.at)}, where it is ${short(learned.before)} before the step.`;
  }

  // Under the left map the shades, under the right one the marks.
  function key() {
    const [left, right, y0] = [40, 370, 412];
    const along = log(...frames.range, left, right);
    const fade = draw(defs, "linearGradient", { id: `${clip}-fade` });
    for (const [offset, color] of [[0, "white"], [1, onWhite("weight")]]) draw(fade, "stop", { offset, "stop-color": color });
    draw(svg, "rect", { x: left, y: y0, width: right - left, height: 12, fill: `url(#${clip}-fade)`, stroke: "var(--ml-line)" });
    for (const level of frames.levels) {
      draw(svg, "line", { x1: along(level), x2: along(level), y1: y0, y2: y0 + 12, stroke: onWhite("contour") });
      draw(svg, "text", { x: along(level), y: y0 + 26, text: level, class: "quiet", "text-anchor": "middle" });
    }
    draw(svg, "text", { x: left, y: y0 + 44, text: "mean loss, a contour line at each of these", class: "quiet" });
    const row = (k) => y0 - 2 + 19 * k;
    const told = (k, words) => draw(svg, "text", { x: 448, y: row(k) + 4, text: words });
    draw(svg, "circle", { cx: 428, cy: row(0), r: 7, fill: "none", stroke: "var(--ml-ink)", "stroke-width": 2.2 });
    told(0, "the start: drag it; arrows show its steps");
    draw(svg, "rect", { x: 422, y: row(1) - 6, width: 12, height: 12, fill: onWhite("pooled") });
    told(1, "pooled start: lowest before any step");
    draw(svg, "circle", { cx: 428, cy: row(2), r: 6, fill: onWhite("learned") });
    told(2, "learned start: lowest after one step");
    draw(svg, "ellipse", { cx: 428, cy: row(3), rx: 8, ry: 5, fill: "none", stroke: "var(--ml-quiet)", "stroke-width": 2 });
    told(3, `outlines: where a task's own loss is ${frames.outline_loss}`);
  }

  scrubbed(rate, model, (slid) => {
    at = slid;
    paint();
    show();
  });
  paint();
  show();
  const forget = listen(model, ["here"], () => {
    const { at: computed } = model.get("here");
    if (moving || !same(computed, model.get("start"))) return; // the start has moved on
    start = computed;
    show();
  });
  return () => {
    forget();
    clearTimeout(settling);
  };
}

const EDGE = { stroke: "white", "stroke-width": 1.6 };

// From a start to where a step leads; the head of a short arrow is small.
function arrow(parent, [x0, y0], [x1, y1], color) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 0.5) return;
  const head = Math.min(12, 0.7 * length);
  const [u, v] = [(x1 - x0) / length, (y1 - y0) / length];
  const [bx, by] = [x1 - head * u, y1 - head * v];
  const tip = `M${x1} ${y1}L${bx - 0.45 * head * v} ${by + 0.45 * head * u}L${bx + 0.45 * head * v} ${by - 0.45 * head * u}Z`;
  for (const look of [{ stroke: "white", "stroke-width": 5.5, fill: "white" }, { stroke: color, "stroke-width": 2.4, fill: color }]) {
    draw(parent, "path", { d: `M${x0} ${y0}L${bx} ${by}`, ...look });
    draw(parent, "path", { d: tip, ...look, "stroke-width": look.fill === "white" ? 3 : 0 });
  }
}

export default { render };
