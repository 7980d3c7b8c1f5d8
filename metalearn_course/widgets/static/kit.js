// What all scripts share: elements, sliders, scales. Nothing is loaded from elsewhere.
const SVG = "http://www.w3.org/2000/svg";

function put(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  return node;
}

const html = (tag, attributes = {}, ...children) => {
  const node = put(document.createElement(tag), attributes);
  node.append(...children);
  return node;
};

const draw = (parent, tag, attributes = {}) => parent.appendChild(put(document.createElementNS(SVG, tag), attributes));

const canvas = (width, height, label) =>
  put(document.createElementNS(SVG, "svg"), { viewBox: `0 0 ${width} ${height}`, "aria-label": label, role: "group" });

// The outermost element of a widget. Whatever has the focus in it keeps its keys: without the attribute, JupyterLab's
// shortcuts take the arrow keys from sliders and the enter key from buttons.
function frame(label) {
  const root = html("div", { class: "ml", role: "group", "aria-label": label });
  root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  return root;
}

const button = (text, onclick) => html("button", { type: "button", class: "ml-button", text, onclick });

let sliders = 0;
function slider(label, attributes) {
  const id = `ml-slider-${++sliders}-${Math.random().toString(36).slice(2, 8)}`;
  const input = html("input", { type: "range", id, ...attributes });
  const value = html("output", { for: id });
  const row = html("div", { class: "ml-slider" }, html("label", { for: id, text: label }), input, value);
  return { row, input, value };
}

// Where a pointer is, in the coordinates of the drawing.
function place(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

// Follow a pointer from where it goes down on `node` until it is let go, whatever kind of pointer it is.
function follow(node, { start = () => {}, move, end }) {
  node.style.touchAction = "none"; // has no effect inside an SVG, where a touch would scroll the page:
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  let pointer = null;
  node.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button > 0) return;
    pointer = event.pointerId;
    node.setPointerCapture(pointer);
    start(event);
    event.preventDefault();
    node.focus({ preventScroll: true });
  });
  node.addEventListener("pointermove", (event) => event.pointerId === pointer && move(event));
  for (const over of ["pointerup", "pointercancel"])
    node.addEventListener(over, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      end(event);
    });
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const linear = (low, high, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);
const log = (low, high, from, to) => (value) => linear(Math.log(low), Math.log(high), from, to)(Math.log(value));
const short = (value) => (value === null ? "not finite" : String(Number(value.toPrecision(3))));

// Numbers to write on a log axis: decades only where there are many, more of each where there are few.
function logTicks(low, high) {
  const parts = high / low > 300 ? [1] : high / low > 8 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
  const ticks = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++)
    for (const part of parts) {
      const tick = Number(`${part}e${decade}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  return ticks;
}

// The path of a line that breaks where a value is missing and is cut at the ends of the chart.
function path(xs, ys, x, y, low, high) {
  let pen = "M";
  let d = "";
  ys.forEach((value, i) => {
    if (value === null) {
      pen = "M";
      return;
    }
    d += `${pen}${x(xs[i]).toFixed(1)} ${y(clamp(value, low, high)).toFixed(1)}`;
    pen = "L";
  });
  return d;
}

const star = (x, y, radius) =>
  [...Array(10).keys()]
    .map((i) => {
      const [r, angle] = [i % 2 ? radius * 0.42 : radius, (i * Math.PI) / 5];
      return `${(x + r * Math.sin(angle)).toFixed(2)},${(y - r * Math.cos(angle)).toFixed(2)}`;
    })
    .join(" ");

// Call `react` when any of these traits changes, until the view is gone.
function listen(model, names, react) {
  for (const name of names) model.on(`change:${name}`, react);
  return () => names.forEach((name) => model.off(`change:${name}`, react));
}
