import { clamp } from "./logic.js";
import { button, canvas, draw, follow, frame, html, listen, place, put, unique } from "./kit.js";

const SIZE = 280;
const NUDGE = 1 / 40;

function render({ model, el }) {
  const root = frame("Draw five symbols");
  const svg = put(canvas(SIZE, SIZE, "Drawing canvas. With the keyboard: arrow keys move the pen, the space bar puts it down or lifts it."), {
    class: "ml-paper", tabindex: 0, role: "application",
  });
  let strokes = [];
  let pen = [0.5, 0.5];
  let down = false;

  const guides = draw(svg, "g");
  for (const at of [SIZE / 3, (2 * SIZE) / 3]) {
    draw(guides, "line", { x1: at, x2: at, y1: 0, y2: SIZE, class: "guide" });
    draw(guides, "line", { y1: at, y2: at, x1: 0, x2: SIZE, class: "guide" });
  }
  const ink = draw(svg, "g");
  const cursor = draw(svg, "circle", { r: 7, fill: "none", stroke: "var(--ml-on-white-weight)", "stroke-width": 2, visibility: "hidden" });

  function paint() {
    ink.replaceChildren();
    const width = model.get("line") * SIZE;
    for (const stroke of strokes) {
      const points = stroke.map(([x, y]) => `${(x * SIZE).toFixed(1)},${(y * SIZE).toFixed(1)}`).join(" ");
      if (stroke.length > 1)
        draw(ink, "polyline", { points, fill: "none", stroke: "black", "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" });
      else draw(ink, "circle", { cx: stroke[0][0] * SIZE, cy: stroke[0][1] * SIZE, r: width / 2, fill: "black" });
    }
    put(cursor, { cx: pen[0] * SIZE, cy: pen[1] * SIZE, fill: down ? "var(--ml-on-white-weight)" : "none" });
    for (const node of [undo, clear, keep]) node.disabled = strokes.length === 0;
  }
  const at = (event) => place(svg, event).map((value) => clamp(value / SIZE, 0, 1));
  follow(svg, {
    start: (event) => {
      down = false;
      cursor.setAttribute("visibility", "hidden");
      strokes.push([at(event)]);
      paint();
    },
    move: (event) => {
      const all = event.getCoalescedEvents?.() ?? [];
      strokes.at(-1).push(...(all.length ? all : [event]).map(at));
      paint();
    },
    end: () => {},
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    cursor.setAttribute("visibility", "visible");
    if (step) pen = pen.map((value, i) => clamp(value + NUDGE * step[i], 0, 1));
    else down = !down;
    if (down && step) strokes.at(-1).push([...pen]);
    else if (down) strokes.push([[...pen]]);
    paint();
  });

  const undo = button("undo", () => (strokes.pop(), (down = false), paint()));
  const clear = button("clear", () => wipe());
  const keep = button("keep", () => {
    model.send({ type: "keep", symbol: model.get("chosen"), strokes });
    wipe();
  });
  function wipe() {
    strokes = [];
    down = false;
    paint();
  }
  const back = button("remove last", () => model.send({ type: "take back", symbol: model.get("chosen") }));
  const slots = html("div", { class: "ml-slots", role: "radiogroup", "aria-label": "symbol" });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  const group = unique("symbol");

  function show() {
    const had = slots.contains(document.activeElement);
    slots.replaceChildren();
    model.get("thumbnails").forEach((images, i) => {
      const radio = html("input", { type: "radio", name: group, value: i });
      radio.checked = i === model.get("chosen");
      radio.addEventListener("change", () => {
        model.set("chosen", i);
        model.save_changes();
      });
      const drawings = images.map((src, j) => html("img", { src, alt: `drawing ${j + 1} of symbol ${i + 1}`, class: "ml-thumb" }));
      slots.append(html("label", { class: "ml-slot" }, radio, html("span", { text: `symbol ${i + 1}` }), ...drawings));
      if (radio.checked && had) radio.focus();
    });
    const chosen = model.get("chosen");
    keep.textContent = `keep as symbol ${chosen + 1}`;
    back.textContent = `remove last of symbol ${chosen + 1}`;
    back.disabled = !model.get("thumbnails")[chosen].length;
    status.textContent = model.get("status");
  }

  root.append(
    html(
      "div",
      { class: "ml-desk" },
      html("div", {}, svg, html("div", { class: "ml-row" }, keep, undo, clear)),
      html("div", {}, slots, html("div", { class: "ml-row" }, back)),
    ),
    status,
  );
  el.append(root);
  paint();
  show();
  return listen(model, ["thumbnails", "chosen", "status"], show);
}

export default { render };
