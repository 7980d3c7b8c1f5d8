import { labelLook, linear, marker } from "./logic.js";
import { button, canvas, draw, frame, html, scrubbed, slider, unique } from "./kit.js";

function render({ model, el }) {
  const frames = model.get("frames");
  const images = model.get("images");
  const reach = model.get("reach");
  const root = frame("Clusters");
  const svg = canvas(560, 500, "Embeddings of classes never trained on, their prototypes, and the borders of what the method answers");
  svg.style.maxWidth = "600px";
  const [left, right, top, bottom] = [20, 480, 20, 480];
  const x = linear(-reach, reach, left, right);
  const y = linear(-reach, reach, bottom, top);
  const clip = unique("clip");
  draw(draw(draw(svg, "defs"), "clipPath", { id: clip }), "rect", { x: left, y: top, width: right - left, height: bottom - top });
  draw(svg, "rect", { x: left, y: top, width: right - left, height: bottom - top, fill: "none", class: "axis" });
  const field = draw(svg, "g", { "clip-path": `url(#${clip})` });
  const borders = draw(field, "g");
  const thumbnail = draw(svg, "image", { x: 488, y: 40, width: 64, height: 64, visibility: "hidden" });
  const thumbFrame = draw(svg, "rect", { x: 488, y: 40, width: 64, height: 64, fill: "none", class: "axis", visibility: "hidden" });
  let at = model.get("at");

  const points = [];
  for (const kind of ["query", "support"])
    frames[0][`${kind}_y`].forEach((label, i) => {
      const group = draw(field, "g", { class: "ml-moving", tabindex: kind === "support" ? 0 : -1, role: "img" });
      const { color, marker: shape } = labelLook(model.get("palette"), label);
      const ring = kind === "query" ? draw(group, "circle", { r: 11, fill: "none", stroke: "var(--ml-ink)", "stroke-width": 1.3 }) : null;
      draw(group, "path", { d: marker(shape, kind === "query" ? 4.5 : 6), fill: kind === "query" ? "var(--ml-paper)" : color, stroke: color, "stroke-width": 1.8 });
      const name = `${kind === "query" ? "query" : "support example"} of class ${label}`;
      group.setAttribute("aria-label", name);
      const show = () => {
        thumbnail.setAttribute("href", images[kind][i]);
        for (const node of [thumbnail, thumbFrame]) node.setAttribute("visibility", "visible");
      };
      const hide = () => [thumbnail, thumbFrame].forEach((node) => node.setAttribute("visibility", "hidden"));
      for (const [on, off] of [["pointerenter", "pointerleave"], ["focus", "blur"]]) {
        group.addEventListener(on, show);
        group.addEventListener(off, hide);
      }
      points.push({ group, ring, kind, i });
    });
  const crosses = frames[0].prototypes.map(() =>
    draw(field, "path", { d: "M-7 -7L7 7M-7 7L7 -7", class: "ml-moving", stroke: "var(--ml-ink)", "stroke-width": 2.6, fill: "none" }),
  );

  const key = html("p", { class: "ml-status", text: "Filled: support set. Hollow: queries. Crosses: prototypes. Rings: queries answered wrongly. Lines: where the answer changes." });
  const scrub = slider("training step", { min: 0, max: frames.length - 1, step: 1, value: at });
  let timer = null;
  const play = button("play", () => (timer ? stop() : start()));
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  root.append(svg, html("div", { class: "ml-row" }, scrub.row, play), status, key);
  el.append(root);

  function start() {
    if (at === frames.length - 1) go(0);
    play.textContent = "pause";
    timer = setInterval(() => (at < frames.length - 1 ? go(at + 1) : stop()), 900);
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  }
  const move = (node, [px, py]) => (node.style.transform = `translate(${x(px).toFixed(1)}px, ${y(py).toFixed(1)}px)`);
  function go(next) {
    at = next;
    const now = frames[at];
    for (const { group, ring, kind, i } of points) {
      move(group, now[kind][i]);
      if (ring) ring.setAttribute("visibility", now.wrong[i] ? "visible" : "hidden");
    }
    crosses.forEach((cross, i) => move(cross, now.prototypes[i]));
    borders.replaceChildren();
    for (const [[x0, x1], [y0, y1]] of now.edges)
      draw(borders, "line", { x1: x(x0), x2: x(x1), y1: y(y0), y2: y(y1), stroke: "var(--ml-line)", "stroke-width": 1.2 });
    scrub.input.value = at;
    scrub.input.setAttribute("aria-valuetext", `step ${now.step}`);
    scrub.value.textContent = now.step;
    status.textContent = now.told;
  }
  scrubbed(scrub, model, (slid) => {
    stop();
    go(slid);
  });
  go(at);
  return stop;
}

export default { render };
