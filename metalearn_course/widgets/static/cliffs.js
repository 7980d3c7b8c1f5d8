import { inSteps, linear, minus, niceStep, path, rateOf, short, star, valueAt } from "./logic.js";
import { canvas, draw, frame, html, listen, put, slider, unique } from "./kit.js";

function render({ model, el }) {
  const { lengths, ends, top, sigma, measures } = model.get("frames");
  const root = frame("Cliffs");
  const svg = canvas(760, 392, "The loss of a training against its rate, as it is and smoothed; beside it the gradients of five methods as arrows");
  const box = { left: 36, right: 440, top: 52, bottom: 320 };
  const side = { left: 492, right: 750, top: 52, bottom: 320 };
  const x = linear(ends[0], ends[1], box.left, box.right);
  const y = linear(0, top, box.bottom - 6, box.top);
  const smooth = { stroke: "var(--ml-loss)", "stroke-width": 3.4, "stroke-linejoin": "round", opacity: 0.85 };
  const raw = { stroke: "var(--ml-ink)", "stroke-width": 0.9 };
  const dashed = { stroke: "var(--ml-loss)", "stroke-width": 1.8, "stroke-dasharray": "5 3" };
  let at = model.get("at");
  let logRate = model.get("log_rate");
  let measure = model.get("meta_loss");

  // The key: the same strokes, with their names.
  let keyX = box.left;
  for (const [text, look, width] of [
    ["as it is", raw, 112],
    [`smoothed, σ = ${sigma}`, smooth, 180],
    ["slope of the smoothed", dashed, 194],
    ["95% interval", { ...raw, "stroke-width": 1.6 }, 0],
  ]) {
    draw(svg, "line", { x1: keyX, x2: keyX + 30, y1: 12, y2: 12, ...look });
    if (!width) draw(svg, "path", { d: `M${keyX} 8v8M${keyX + 30} 8v8`, ...raw, "stroke-width": 1.6 });
    draw(svg, "text", { x: keyX + 37, y: 16, text });
    keyX += width;
  }

  // Left: the loss against the rate.
  const title = draw(svg, "text", { x: box.left, y: 42, style: "font-weight:600;font-size:13px" });
  for (const tick of [0, 5, 10, 15, 20].filter((value) => value <= top)) {
    draw(svg, "line", { x1: box.left, x2: box.right, y1: y(tick), y2: y(tick), class: "grid" });
    draw(svg, "text", { x: box.left - 7, y: y(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
  }
  for (let decade = Math.ceil(ends[0]); decade <= ends[1]; decade++)
    draw(svg, "text", { x: x(decade), y: box.bottom + 24, text: rateOf(decade), class: "quiet", "text-anchor": "middle" });
  draw(svg, "text", { x: (box.left + box.right) / 2, y: box.bottom + 42, text: "rate α (log scale)", "text-anchor": "middle" });
  draw(svg, "path", { d: `M${box.left} ${box.top}V${box.bottom}H${box.right}`, fill: "none", class: "axis" });
  const clip = unique("clip");
  const rect = { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top };
  draw(draw(draw(svg, "defs"), "clipPath", { id: clip }), "rect", rect);
  const field = draw(svg, "g", { "clip-path": `url(#${clip})` });
  const lines = { smoothed: draw(field, "path", { fill: "none", ...smooth }), losses: draw(field, "path", { fill: "none", ...raw }) };
  const ruler = draw(svg, "line", { y1: box.top, y2: box.bottom, stroke: "var(--ml-star-edge)", "stroke-dasharray": "3 3" });
  const dots = {
    losses: draw(svg, "circle", { r: 5, fill: "var(--ml-ink)", stroke: "var(--ml-paper)", "stroke-width": 1.4 }),
    smoothed: draw(svg, "circle", { r: 5, fill: "var(--ml-loss)", stroke: "var(--ml-paper)", "stroke-width": 1.4 }),
  };
  const mark = draw(svg, "polygon", { fill: "var(--ml-star)", stroke: "var(--ml-paper)", "stroke-width": 1.2 });

  // Right: the arrows.
  const sideTitle = draw(svg, "text", { x: side.left, y: 42, style: "font-weight:600;font-size:13px" });
  const field2 = draw(svg, "g");
  draw(svg, "text", { x: (side.left + side.right) / 2, y: side.bottom + 42, text: "slope per tenfold rate", "text-anchor": "middle" });
  draw(svg, "text", { x: side.left, y: side.bottom + 60, text: "◂ says: raise the rate", class: "quiet" });
  draw(svg, "text", { x: side.right, y: side.bottom + 60, text: "says: lower it ▸", class: "quiet", "text-anchor": "end" });

  const scrub = slider("steps T of the training", { min: 0, max: lengths.length - 1, step: 1, value: at });
  const rate = slider("rate α", { min: ends[0], max: ends[1], step: 0.01, value: logRate });
  const group = unique("measure");
  const radios = Object.entries(measures).map(([name, { choice }]) => {
    const input = html("input", { type: "radio", name: group, value: name });
    input.checked = name === measure;
    input.addEventListener("change", () => {
      measure = name;
      show();
      commit();
    });
    return [name, input, html("label", { class: "ml-choice" }, input, choice)];
  });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  root.append(
    svg,
    html("div", { class: "ml-row" }, scrub.row, rate.row),
    html(
      "div",
      { class: "ml-row" },
      html("span", { class: "ml-choices", role: "radiogroup", "aria-label": "judged by" }, "judged by", ...radios.map(([, , label]) => label)),
    ),
    status,
  );
  el.append(root);

  const current = (arrows) => arrows.at === at && arrows.meta_loss === measure && Math.abs(arrows.log_rate - logRate) < 1e-9;

  function commit() {
    model.set({ at, log_rate: logRate, meta_loss: measure });
    model.save_changes();
  }

  function show() {
    const T = lengths[at];
    title.textContent = measures[measure].titles[at];
    const curves = model.get("frames")[measure];
    field.classList.toggle("ml-busy", !curves);
    for (const [name, line] of curves ? Object.entries(lines) : []) {
      const values = curves[name][at];
      const across = linear(0, values.length - 1, ends[0], ends[1]);
      line.setAttribute("d", path([...values.keys()].map(across), values, x, y, 0, 2 * top));
      const value = valueAt(values, (logRate - ends[0]) / (ends[1] - ends[0]));
      put(dots[name], { cx: x(logRate), cy: y(Math.min(value, top)) });
    }
    put(ruler, { x1: x(logRate), x2: x(logRate) });
    mark.setAttribute("points", star(x(logRate), box.bottom, 10));
    put(scrub.input, { "aria-valuetext": inSteps(T) });
    scrub.input.value = at;
    scrub.value.textContent = T;
    put(rate.input, { "aria-valuetext": rateOf(logRate) });
    rate.input.value = logRate;
    rate.value.textContent = rateOf(logRate);
    for (const [name, input] of radios) input.checked = name === measure;
    const arrows = model.get("arrows");
    const fresh = current(arrows);
    field2.classList.toggle("ml-busy", !fresh);
    if (fresh) pointAll(arrows);
  }

  function pointAll(arrows) {
    const across = linear(-arrows.limit, arrows.limit, side.left, side.right);
    const zero = across(0);
    const row = linear(0, arrows.estimates.length, side.top + 30, side.bottom + 10);
    field2.replaceChildren();
    sideTitle.textContent = arrows.title;
    draw(field2, "path", { d: `M${side.left} ${side.bottom}H${side.right}`, class: "axis" });
    draw(field2, "line", { x1: zero, x2: zero, y1: side.top, y2: side.bottom, stroke: "var(--ml-quiet)" });
    const there = across(arrows.slope);
    draw(field2, "line", { x1: there, x2: there, y1: side.top, y2: side.bottom, ...dashed });
    const step = niceStep(arrows.limit);
    for (const tick of [-3, -2, -1, 0, 1, 2, 3].map((k) => k * step).filter((value) => Math.abs(value) <= arrows.limit))
      draw(field2, "text", { x: across(tick), y: side.bottom + 16, text: minus(short(tick)), class: "quiet", "text-anchor": "middle" });
    arrows.estimates.forEach(({ label, mean, half, end: value, screen, dashed: truncated }, i) => {
      const level = row(i);
      const end = across(value);
      const way = Math.sign(end - zero);
      const head = Math.min(9, Math.abs(end - zero));
      const look = { stroke: screen, "stroke-width": 2.6, ...(truncated && { "stroke-dasharray": "4 2.5" }) };
      draw(field2, "line", { x1: zero, x2: end - way * head, y1: level, y2: level, ...look });
      draw(field2, "path", { d: `M${end} ${level}l${-way * head} ${-head * 0.6}v${head * 1.2}z`, fill: screen });
      if (half) {
        const [low, high] = [mean - half, mean + half].map(across);
        draw(field2, "path", { d: `M${low} ${level}H${high}M${low} ${level - 4}v8M${high} ${level - 4}v8`, fill: "none", ...raw, "stroke-width": 1.6 });
      }
      draw(field2, "text", { x: side.left, y: level - 13, text: label, class: "halo" });
    });
    status.textContent = arrows.told;
  }

  scrub.input.addEventListener("input", () => {
    at = Number(scrub.input.value);
    show();
  });
  rate.input.addEventListener("input", () => {
    logRate = Number(rate.input.value);
    show();
  });
  for (const { input } of [scrub, rate]) input.addEventListener("change", commit);
  show();
  return listen(model, ["frames", "arrows", "at", "log_rate", "meta_loss"], () => {
    [at, logRate, measure] = [model.get("at"), model.get("log_rate"), model.get("meta_loss")];
    show();
  });
}

export default { render };
