import { canMove, clamp, say, shifted, star, stateOf, valueOfPart } from "./logic.js";
import { button, canvas, draw, follow, frame, html, listen, place, put, slider, unique } from "./kit.js";

const [PAUSE, LONGER] = [1300, 2100];
const CROSSING = 600; // how long a token is on its way, in milliseconds

const ink = (color) => `var(--ml-${color})`;
const mixed = (heat) => `color-mix(in srgb, var(--ml-loss) ${Math.round(100 * heat)}%, var(--ml-paper))`;

const SHAPES = {
  ground: (g, e) => draw(g, "rect", { x: e.x, y: e.y, width: e.width, height: e.height, rx: 10, class: "mt-ground" }),
  frame: (g, e) => draw(g, "rect", { x: e.x, y: e.y, width: e.width, height: e.height, rx: 10, class: "mt-frame" }),
  box: (g, e) => draw(g, "rect", { x: e.x, y: e.y, width: e.width, height: e.height, rx: 7, class: `mt-box${e.heavy ? " heavy" : ""}` }),
  text: (g, e) => {
    const look = `font-size:${e.size}px;font-weight:${e.bold ? 700 : 400}`;
    const anchor = e.anchor ?? "middle";
    return draw(g, "text", { x: e.x, y: e.y + 0.36 * e.size, "text-anchor": anchor, class: `mt-text${e.halo ? " halo" : ""}`, style: look });
  },
  square: (g, e) => draw(g, "rect", { x: e.x, y: e.y, width: e.size, height: e.size, class: "mt-mark", fill: e.fill ?? mixed(e.heat) }),
  star: (g, e) => draw(g, "polygon", { points: star(e.x, e.y, e.size), class: "mt-mark", fill: ink(e.fill) }),
  arrow: (g, e, tip) => draw(g, "path", { d: e.path.map((step) => step.join(" ")).join(""), class: "mt-line", "marker-end": `url(#${tip})` }),
  line: (g, e) => draw(g, "path", { d: e.path.map((step) => step.join(" ")).join(""), class: "mt-line" }),
  sheets: (g, e) => {
    const sheets = draw(g, "g", { class: "mt-sheets" });
    for (const k of [5, 2.5, 0]) draw(sheets, "rect", { x: e.x - 10 + k, y: e.y - 7 - k, width: 14, height: 18 });
    return sheets;
  },
  cut: (g, e) => draw(g, "path", { d: [-3, 3].map((k) => `M${e.x + k - 4} ${e.y + 8}l8 -16`).join(""), class: "mt-cut" }),
};

function token(layer, kind) {
  if (kind === "star") return draw(layer, "polygon", { points: star(0, 0, 12), class: "mt-token", style: `fill:${ink("star")};stroke:${ink("star-edge")}` });
  const fill = { weight: ink("weight"), gradient: ink("loss"), sheet: ink("paper") }[kind];
  const stroke = kind === "sheet" ? ink("ink") : ink("paper");
  return draw(layer, "rect", { x: -8.5, y: -8.5, width: 17, height: 17, class: "mt-token", style: `fill:${fill};stroke:${stroke}` });
}

function render({ model, el }) {
  const root = frame("Meta-training");
  let frames = model.get("frames");
  const title = "Meta-forward: training steps in a row, then the meta-loss. Meta-backward: the gradient on its way back through them";
  const svg = canvas(frames.scene.width, frames.scene.height, title);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const tip = unique("tip");
  const marker = draw(draw(svg, "defs"), "marker", { id: tip, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7.5, markerHeight: 7.5, markerUnits: "userSpaceOnUse", orient: "auto" });
  draw(marker, "path", { d: "M0 0L8 4L0 8z", fill: "context-stroke" });
  const scene = draw(svg, "g", { "aria-hidden": true });
  const handles = draw(svg, "g");
  const tokens = draw(svg, "g", { "aria-hidden": true });
  let drawn = [];
  let moment = clamp(model.get("moment"), 0, frames.moments.length - 1);
  let target = model.get("target");
  let detached = model.get("detached");
  let timer = null;
  let crossing = null;
  let settling = null;
  let wanted = null; // what is being dragged: { part, value }

  // Controls.
  const play = button("play", () => (timer ? stop() : start()));
  const back = button("back", () => (stop(), show(moment - 1)));
  const step = button("step", () => (stop(), show(moment + 1, true)));
  const scrub = slider("moment", { min: 0, max: frames.moments.length - 1, step: 1 });
  scrub.value.style.minWidth = "8.5em";
  const group = `ml-target-${tip}`;
  const radio = (value, words) => {
    const input = html("input", { type: "radio", name: group, value, onchange: () => choose(value) });
    return { input, label: html("label", { class: "ml-choice" }, input, words) };
  };
  const radios = { start: radio("start", "the squares: learn the start"), rate: radio("rate", "the star: learn the rate") };
  const cut = html("input", { type: "checkbox", onchange: () => ((detached = cut.checked), remember(), show(moment)) });
  const again = button("take this meta-step, train again", () => {
    root.classList.add("ml-waiting");
    model.send({ type: "meta-step", target });
  });
  const status = html("p", { class: "ml-status mt-status", role: "status", "aria-live": "polite" });
  const history = html("p", { class: "ml-status" });
  root.append(
    svg,
    status,
    html("div", { class: "ml-row" }, play, back, step, scrub.row),
    html(
      "div",
      { class: "ml-row" },
      html("span", { class: "ml-choices", role: "radiogroup", "aria-label": "send the gradient to" }, "send the gradient to", radios.start.label, radios.rate.label),
      html("label", { class: "ml-choice" }, cut, "detach"),
    ),
    html("div", { class: "ml-row" }, again, history),
  );
  el.append(root);

  function build() {
    scene.replaceChildren();
    handles.replaceChildren();
    put(svg, { viewBox: `0 0 ${frames.scene.width} ${frames.scene.height}` });
    drawn = frames.scene.elements.map((element) => {
      const mark = element.part && element.kind !== "text";
      const node = SHAPES[element.kind](mark ? handles : scene, element, tip);
      if (mark) grip(node, element.part);
      return { element, node };
    });
    scrub.input.max = frames.moments.length - 1;
    moment = Math.min(moment, frames.moments.length - 1);
  }

  function show(next, moving = false) {
    moment = clamp(next, 0, frames.moments.length - 1);
    const choice = `${target} ${detached ? "detached" : "attached"}`;
    const travel = moving && !calm;
    clearTokens();
    drawn.forEach(({ element, node }, i) => {
      const { shown, reached, now, dim, cut: behind } = stateOf(frames.states, choice, i, moment);
      node.style.display = shown ? "" : "none";
      if (!shown) return;
      const told = element.kind === "text" && behind && "none" in element;
      node.style.setProperty("--c", ink(behind ? "quiet" : element.color));
      node.style.opacity = told ? 1 : !reached ? 0.36 : dim ? 0.5 : 1;
      node.classList.toggle("now", now);
      node.classList.toggle("mt-hollow", behind);
      node.classList.toggle("mt-late", travel && !element.ghost && element.since === moment);
      if (node.dataset.part) announce(node, displayed(element.part));
      if (element.kind === "text") node.textContent = told ? element.none : valueOf(element);
      if (travel && now && element.token) send(node, element.token);
    });
    const { kind, label: name, words: said } = frames.moments[moment];
    status.textContent = said[detached ? "detached" : target];
    scrub.input.value = moment;
    scrub.input.setAttribute("aria-valuetext", name);
    scrub.value.textContent = name;
    back.disabled = moment === 0;
    step.disabled = moment === frames.moments.length - 1;
    again.disabled = kind !== "meta-update" || detached || !canMove(frames, target);
  }

  // Tokens: what travels along the arrows of this moment.
  function send(node, kind) {
    const length = node.getTotalLength();
    const traveler = token(tokens, kind);
    const begun = performance.now();
    const move = (time) => {
      const share = clamp((time - begun) / CROSSING, 0, 1);
      const point = node.getPointAtLength(length * share * share * (3 - 2 * share));
      traveler.setAttribute("transform", `translate(${point.x} ${point.y})`);
      if (share < 1) crossing = requestAnimationFrame(move);
      else traveler.remove();
    };
    move(begun);
  }
  function clearTokens() {
    cancelAnimationFrame(crossing);
    tokens.replaceChildren();
  }

  function start() {
    if (moment === frames.moments.length - 1) show(0);
    play.textContent = "pause";
    const beat = () => {
      show(moment + 1, true);
      if (moment === frames.moments.length - 1) return stop();
      timer = setTimeout(beat, frames.moments[moment].forward ? PAUSE : LONGER);
    };
    timer = setTimeout(beat, 300);
  }
  function stop() {
    clearTimeout(timer);
    timer = null;
    play.textContent = "play";
    remember();
  }
  function remember() {
    for (const [name, value] of Object.entries({ moment, target, detached })) model.set(name, value);
    model.save_changes();
  }
  function choose(value) {
    target = value;
    remember();
    show(moment);
  }

  // The star, and each square of the start, can be dragged sideways or moved with the arrow keys.
  const read = (part) => valueOfPart(frames, part, false);
  // What the picture shows: at the last moment, the value that the meta-optimizer moved.
  const displayed = (part) => valueOfPart(frames, part, frames.moments[moment].kind === "meta-update" && !detached && part.startsWith(target));
  const announce = (node, value) => put(node, { "aria-valuenow": value, "aria-valuetext": `${node.getAttribute("aria-label")} ${say(value)}` });
  function valueOf(element) {
    return wanted && element.part === wanted.part ? say(wanted.value) : element.text;
  }
  function want(part, value) {
    wanted = { part, value: Number(value.toPrecision(3)) };
    for (const { element, node } of drawn) {
      if (element.part !== part) continue;
      if (element.kind === "text") node.textContent = valueOf(element);
      else announce(node, wanted.value);
    }
  }
  function commit() {
    if (!wanted) return;
    if (wanted.value === read(wanted.part)) {
      wanted = null;
      return show(moment);
    }
    stop();
    root.classList.add("ml-waiting");
    if (wanted.part === "rate") model.set("rate", wanted.value);
    else model.set("start", frames.theta[0].map((value, i) => (wanted.part === `start ${i}` ? wanted.value : value)));
    model.save_changes();
  }
  function grip(node, part) {
    const name = part === "rate" ? "the star: the rate" : `the square: the start${frames.theta[0].length > 1 ? `, weight ${Number(part.split(" ")[1]) + 1}` : ""}`;
    node.classList.add("ml-handle");
    put(node, { tabindex: 0, role: "slider", "aria-label": name, "data-part": part });
    let from = null;
    follow(node, {
      start: (event) => (from = [place(svg, event)[0], displayed(part)]),
      move: (event) => want(part, shifted(part, from[1], place(svg, event)[0] - from[0], read(part))),
      end: commit,
    });
    node.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 10, ArrowUp: 10, ArrowLeft: -10, ArrowDown: -10, PageUp: 50, PageDown: -50 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      want(part, shifted(part, wanted?.part === part ? wanted.value : displayed(part), by, read(part)));
    });
    node.addEventListener("keyup", () => {
      clearTimeout(settling);
      settling = setTimeout(commit, 400);
    });
  }

  scrub.input.addEventListener("input", () => {
    if (timer) stop();
    show(Number(scrub.input.value));
  });
  scrub.input.addEventListener("change", remember);
  const forget = listen(model, ["frames"], () => {
    const held = document.activeElement?.getAttribute("data-part");
    frames = model.get("frames");
    wanted = null;
    root.classList.remove("ml-waiting");
    build();
    show(moment);
    tell();
    if (held) handles.querySelector(`[data-part="${held}"]`)?.focus({ preventScroll: true });
  });
  function tell() {
    const losses = model.get("history").map(say);
    history.textContent = losses.length > 1 ? `Meta-loss, run after run: ${losses.join(", ")}.` : "";
  }
  radios[target].input.checked = true;
  cut.checked = detached;
  build();
  show(moment);
  tell();
  return () => {
    forget();
    clearTimeout(timer);
    clearTimeout(settling);
    clearTokens();
  };
}

export default { render };
