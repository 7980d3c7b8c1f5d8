import { clamp, linear, log, logTicks, onLogScale, path, powersOfTen, short, star, stepTicks } from "./logic.js";
import { button, canvas, draw, follow, frame, html, listen, place, put, slider, unique } from "./kit.js";

const REMEMBERED = 4; // runs before this one

function render({ model, el }) {
  const root = frame("Training cycle");
  const svg = canvas(760, 318, "A model M predicts, a loss L measures, an optimizer O updates; beside them the loss of every step");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const [lowest, highest] = model.get("rates");
  let frames = model.get("frames");
  let rate = model.get("rate");
  let step = Math.min(model.get("step"), frames.loss.length - 1);
  let playing = null;
  let settling = null;
  const earlier = [];

  // The cycle: batch, M, L, O and three arrows.
  const defs = draw(svg, "defs");
  const tip = unique("tip");
  const marker = draw(defs, "marker", { id: tip, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 5, markerHeight: 5, orient: "auto-start-reverse" });
  draw(marker, "path", { d: "M0 0L8 4L0 8z", fill: "context-stroke" });
  for (const k of [8, 4, 0]) draw(svg, "rect", { x: 6 + k, y: 66 - k, width: 24, height: 31, class: "box", stroke: "var(--ml-quiet)" });
  const batch = draw(svg, "text", { x: 2, y: 116, class: "quiet" });
  const box = (x, y, width, height, letter, word, color) => {
    draw(svg, "rect", { x, y, width, height, rx: 9, class: "box", stroke: color });
    const label = draw(svg, "text", { x: x + 5, y: y - 7 });
    draw(label, "tspan", { text: letter, style: `fill:${color};font-weight:700;font-size:15px` });
    draw(label, "tspan", { text: word, dx: 7, style: "fill:var(--ml-quiet);font-size:11px" });
  };
  const arrow = (d, word, x, y, anchor) => [
    draw(svg, "path", { d, class: "arrow", "marker-end": `url(#${tip})` }),
    draw(svg, "text", { x, y, text: word, "text-anchor": anchor }),
  ];
  arrow("M42 80H70", "", 0, 0, "middle");
  box(74, 34, 104, 104, "M", `model, ${frames.fills[0].length} of ${frames.weight_count} weights`, "var(--ml-weight)");
  box(268, 46, 92, 80, "L", "loss", "var(--ml-loss)");
  box(74, 226, 286, 76, "O", "optimizer", "var(--ml-star-edge)");
  const arrows = [
    arrow("M182 86H262", "predict", 222, 78, "middle"),
    arrow("M314 131V220", "measure", 322, 180, "start"),
    arrow("M164 221V145", "update", 156, 184, "end"),
  ];
  const loss = draw(svg, "text", { x: 314, y: 92, "text-anchor": "middle", style: "fill:var(--ml-loss);font-size:16px" });
  const squares = frames.fills[0].map((_, i) =>
    draw(svg, "rect", { x: 83 + 22 * (i % 4), y: 43 + 22 * Math.floor(i / 4), width: 19, height: 19, stroke: "var(--ml-on-white-weight)" }),
  );

  // The star on its track.
  const along = log(lowest, highest, 98, 336);
  draw(svg, "line", { x1: 98, x2: 336, y1: 262, y2: 262, stroke: "var(--ml-line)", "stroke-width": 3, "stroke-linecap": "round" });
  for (const tick of powersOfTen(lowest, highest))
    draw(svg, "text", { x: along(tick), y: 294, class: "quiet", "text-anchor": "middle", text: tick });
  const handle = draw(svg, "polygon", {
    class: "ml-handle", fill: "var(--ml-star)", stroke: "var(--ml-star-edge)", "stroke-width": 1.5, tabindex: 0, role: "slider",
    "aria-label": "the star: the rate", "aria-valuemin": lowest, "aria-valuemax": highest,
  });
  const shownRate = draw(svg, "text", { x: 302, y: 219, "text-anchor": "end" });

  // The loss chart.
  const chart = { left: 440, right: 748, top: 34, bottom: 274 };
  draw(svg, "text", { x: chart.left, y: 18, text: "loss L (log scale)" });
  draw(svg, "text", { x: (chart.left + chart.right) / 2, y: 312, text: "step", class: "quiet", "text-anchor": "middle" });
  const inside = draw(svg, "g");

  const rateSlider = slider("rate (the star)", { min: 0, max: 1000, step: 5 });
  rateSlider.input.style.accentColor = "var(--ml-star-edge)";
  const stepSlider = slider("step", { min: 0, max: frames.loss.length - 1, step: 1 });
  const one = button("one step", () => advance());
  const play = button("play", () => (playing ? stop() : start()));
  const again = button("from the start", () => (stop(), show(0)));
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  root.append(
    svg,
    html("div", { class: "ml-row" }, one, play, again, stepSlider.row),
    html("div", { class: "ml-row" }, rateSlider.row),
    status,
  );
  el.append(root);

  function lines() {
    inside.replaceChildren();
    const runs = [...earlier.map((run) => run.loss), frames.loss].flat().filter((value) => value > 0);
    const first = frames.loss[0] || 1;
    const [low, high] = [Math.max(Math.min(...runs) / 1.3, first / 1e4), first * 30];
    const x = linear(0, frames.loss.length - 1, chart.left, chart.right);
    const y = log(low, high, chart.bottom, chart.top);
    for (const tick of logTicks(low, high)) {
      draw(inside, "line", { x1: chart.left, x2: chart.right, y1: y(tick), y2: y(tick), class: "grid" });
      draw(inside, "text", { x: chart.left - 6, y: y(tick) + 4, text: tick, class: "quiet", "text-anchor": "end" });
    }
    draw(inside, "path", { d: `M${chart.left} ${chart.top}V${chart.bottom}H${chart.right}`, fill: "none", class: "axis" });
    for (const i of stepTicks(frames.loss.length - 1))
      draw(inside, "text", { x: x(i), y: chart.bottom + 16, text: i, class: "quiet", "text-anchor": "middle" });
    const curve = (values, attributes) =>
      draw(inside, "path", { d: path([...values.keys()], values, x, y, low, high), fill: "none", "stroke-linejoin": "round", ...attributes });
    for (const [k, run] of earlier.entries()) {
      curve(run.loss, { stroke: "var(--ml-quiet)", "stroke-width": 1, opacity: 0.55 });
      const finite = run.loss.findLastIndex((value) => value !== null);
      const end = Math.min(finite, Math.round((run.loss.length - 1) * (0.98 - 0.15 * k)));
      const label = { x: x(end), y: y(clamp(run.loss[end], low, high)) - 6, text: short(run.rate), "text-anchor": "end" };
      draw(inside, "text", { ...label, class: "quiet halo" });
    }
    curve(frames.loss, { stroke: "var(--ml-loss)", "stroke-width": 1.5, opacity: 0.4, "stroke-dasharray": "2 3" });
    curve(frames.loss.slice(0, step + 1), { stroke: "var(--ml-loss)", "stroke-width": 2.5 });
    draw(inside, "line", { x1: x(step), x2: x(step), y1: chart.top, y2: chart.bottom, stroke: "var(--ml-quiet)", "stroke-dasharray": "2 3" });
    const now = frames.loss[step];
    if (now === null || now > high)
      draw(inside, "text", { x: chart.right, y: chart.top + 12, text: "off the chart", "text-anchor": "end" });
    else draw(inside, "circle", { cx: x(step), cy: y(clamp(now, low, high)), r: 5, fill: "var(--ml-loss)", stroke: "var(--ml-paper)", "stroke-width": 1.5 });
  }

  function placeStar() {
    handle.setAttribute("points", star(along(rate), 262, 17));
    put(handle, { "aria-valuenow": short(rate), "aria-valuetext": `rate ${short(rate)}` });
    shownRate.textContent = `rate ${short(rate)}`;
    rateSlider.input.value = log(lowest, highest, 0, 1000)(rate);
    rateSlider.input.setAttribute("aria-valuetext", short(rate));
    rateSlider.value.textContent = short(rate);
  }

  function show(next) {
    step = next;
    frames.fills[step].forEach((color, i) => squares[i].setAttribute("fill", color));
    loss.textContent = short(frames.loss[step]);
    loss.style.fontSize = loss.textContent.length > 6 ? "12px" : "16px";
    batch.textContent = `batch ${step + 1}`;
    stepSlider.input.value = step;
    stepSlider.value.textContent = step;
    one.disabled = step === frames.loss.length - 1;
    lines();
  }

  function glow(now) {
    arrows.forEach((pair, i) => pair.forEach((node) => node.classList.toggle("now", i === now)));
  }

  // A single step shows its three phases one after another: predict, measure, update.
  let phases = [];
  function advance() {
    phases.forEach(clearTimeout);
    if (step === frames.loss.length - 1) return;
    if (calm) return settle();
    glow(0);
    phases = [
      setTimeout(() => glow(1), 260),
      setTimeout(() => glow(2), 520),
      setTimeout(() => (glow(-1), settle()), 780),
    ];
  }
  function settle() {
    show(step + 1);
    remember();
  }
  function remember() {
    model.set("step", step);
    model.save_changes();
  }

  function start() {
    if (step === frames.loss.length - 1) show(0);
    play.textContent = "pause";
    playing = setInterval(() => (step < frames.loss.length - 1 ? show(step + 1) : stop()), 1000 / 15);
  }
  function stop() {
    clearInterval(playing);
    playing = null;
    phases.forEach(clearTimeout);
    glow(-1);
    play.textContent = "play";
    remember();
  }

  function choose(value) {
    rate = Number(clamp(value, lowest, highest).toPrecision(3));
    placeStar();
  }
  function commit() {
    if (rate === model.get("rate")) return;
    stop();
    inside.classList.add("ml-busy");
    earlier.push({ loss: frames.loss, rate: model.get("rate") });
    earlier.splice(0, earlier.length - REMEMBERED);
    model.set("rate", rate);
    model.save_changes();
  }

  follow(handle, { move: (event) => choose(onLogScale(lowest, highest, (place(svg, event)[0] - 98) / 238)), end: commit });
  handle.addEventListener("keydown", (event) => {
    const factor = { ArrowRight: 1.25, ArrowUp: 1.25, ArrowLeft: 0.8, ArrowDown: 0.8, PageUp: 3, PageDown: 1 / 3 }[event.key];
    const end = { Home: lowest, End: highest }[event.key];
    if (!factor && !end) return;
    event.preventDefault();
    event.stopPropagation();
    choose(end || rate * factor);
  });
  handle.addEventListener("keyup", () => {
    clearTimeout(settling);
    settling = setTimeout(commit, 400);
  });
  rateSlider.input.addEventListener("input", () => choose(onLogScale(lowest, highest, rateSlider.input.value / 1000)));
  rateSlider.input.addEventListener("change", () => {
    clearTimeout(settling);
    settling = setTimeout(commit, 250);
  });
  stepSlider.input.addEventListener("input", () => (playing && stop(), show(Number(stepSlider.input.value))));
  stepSlider.input.addEventListener("change", remember);

  const forget = listen(model, ["frames"], () => {
    frames = model.get("frames");
    inside.classList.remove("ml-busy");
    rate = model.get("rate");
    placeStar();
    show(Math.min(step, frames.loss.length - 1));
    tell();
  });
  function tell() {
    const last = frames.loss.at(-1);
    status.textContent = `Rate ${short(rate)}: ${frames.verdict}. Loss ${short(frames.loss[0])} at the start, ${short(last)} after ${frames.loss.length - 1} steps.`;
  }
  placeStar();
  show(step);
  tell();
  return () => {
    forget();
    clearInterval(playing);
    [settling, ...phases].forEach(clearTimeout);
  };
}

export default { render };
