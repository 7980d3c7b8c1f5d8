// What all scripts put on a page: elements, sliders, drawings. Nothing is loaded from elsewhere.
const SVG = "http://www.w3.org/2000/svg";

export function put(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  return node;
}

export const html = (tag, attributes = {}, ...children) => {
  const node = put(document.createElement(tag), attributes);
  node.append(...children);
  return node;
};

export const draw = (parent, tag, attributes = {}) => parent.appendChild(put(document.createElementNS(SVG, tag), attributes));

export const canvas = (width, height, label) =>
  put(document.createElementNS(SVG, "svg"), { viewBox: `0 0 ${width} ${height}`, "aria-label": label, role: "group" });

// The outermost element of a widget. Whatever has the focus in it keeps its keys: without the attribute, JupyterLab's
// shortcuts take the arrow keys from sliders and the enter key from buttons.
export function frame(label) {
  const root = html("div", { class: "ml", role: "group", "aria-label": label });
  root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  return root;
}

export const button = (text, onclick) => html("button", { type: "button", class: "ml-button", text, onclick });

export function slider(label, attributes) {
  const id = unique("slider");
  const input = html("input", { type: "range", id, ...attributes });
  const value = html("output", { for: id });
  const row = html("div", { class: "ml-slider" }, html("label", { for: id, text: label }), input, value);
  return { row, input, value };
}

// While a slider is moved, `go` gets its place; where it is let go, that is the trait "at".
export function scrubbed({ input }, model, go) {
  input.addEventListener("input", () => go(Number(input.value)));
  input.addEventListener("change", () => {
    model.set("at", Number(input.value));
    model.save_changes();
  });
}

// Where a pointer is, in the coordinates of the drawing.
export function place(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

// Follow a pointer from where it goes down on `node` until it is let go, whatever kind of pointer it is.
export function follow(node, { start = () => {}, move, end }) {
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

// A name that no other view on the page has.
let named = 0;
export const unique = (word) => `ml-${word}-${++named}-${Math.random().toString(36).slice(2, 8)}`;

// Call `react` when any of these traits changes, until the view is gone.
export function listen(model, names, react) {
  for (const name of names) model.on(`change:${name}`, react);
  return () => names.forEach((name) => model.off(`change:${name}`, react));
}
