import { labelLook } from "./logic.js";
import { button, frame, html, listen } from "./kit.js";

// Formula 3. What it adds to formula 2 is red; each term with red in it speaks of a part: L, S or B.
const term = (part, label, inside, extra = "") =>
  `<span class="term ${extra}" data-part="${part}" role="button" tabindex="0" aria-label="${label}">${inside}</span>`;
const QUERY = "B<sup class='red'>L</sup>";
const FORMULA = `θ* = <span class="up">arg max</span><sub>θ</sub>&ensp;
  ${term("L", "expectation over L, a subset of all labels", "E<sub>L ⊂ <span class='up'>labels</span></sub>&hairsp;<span class='big'>[</span>", "red")}
  E<sub>${term("S", "S with the labels L, from D", "S<sup>L</sup> ⊂ D,", "red")} ${term("B", "B with the labels L, from D", `${QUERY} ⊂ D`)}</sub>
  <span class="big">[</span> <span class="big">Σ</span><sub>(x, y) ∈ ${term("B", "B with the labels L", QUERY)}</sub>&thinsp;
  P<sub>θ</sub>(x, y${term("S", "the support set, as part of the input", ", S<sup>L</sup>", "red")}) <span class="big">]</span>
  <span class="big red">]</span>`;

const TOLD = {
  L: "L: the labels sampled for this episode. Drawn anew each time, so that a label means nothing outside of it.",
  S: "S: the support set, part of the model's input: it learns from these images and their labels.",
  B: "B: the query set, on which the answer is judged; only classes of this episode occur in it.",
};

function render({ model, el }) {
  const root = frame("Episode card");
  const card = html("div", { class: "ml-card" });
  const again = button("draw again", () => model.send({ type: "draw again" }));
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  const formula = html("div", { class: "ml-formula", role: "group", "aria-label": "Formula 3; its red terms light their part of the card" });
  const told = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  formula.innerHTML = FORMULA;
  const terms = formula.querySelectorAll(".term");
  root.append(card, html("div", { class: "ml-row" }, again, status), formula, told);
  el.append(root);

  function chip(label, size = "") {
    const { color, ink } = labelLook(model.get("palette"), label);
    return html("span", { class: `ml-chip ${size}`, style: `background:${color};color:${ink}`, text: label });
  }
  let parts = {};
  const light = (part) => {
    for (const [name, nodes] of Object.entries(parts)) nodes.forEach((node) => node.classList.toggle("lit", name === part));
    terms.forEach((node) => node.classList.toggle("lit", node.dataset.part === part));
    told.textContent = TOLD[part] ?? "Point at a red term, or reach it with the tab key: it lights its part of the card.";
  };
  for (const node of terms) {
    for (const event of ["mouseenter", "focus", "click"]) node.addEventListener(event, () => light(node.dataset.part));
    for (const event of ["mouseleave", "blur"]) node.addEventListener(event, () => light(null));
  }

  function example(src, alt, below, followed = false) {
    const image = html("img", { src, alt });
    return html("div", { class: `ml-example${followed ? " followed" : ""}` }, image, ...(below ? [below] : []));
  }

  function show() {
    const { rows, queries, labels } = model.get("card");
    const part = (title, ...children) => html("div", { class: "ml-part" }, html("h4", { text: title }), ...children);
    const chips = part("labels L", ...rows.map((_, i) => html("div", { class: "ml-line" }, chip(i))));
    const support = part("support set S");
    rows.forEach((row, i) => {
      const images = row.images.map((image) =>
        example(image.src, `support image with label ${i}, ${row.name}${image.followed ? ", the image followed" : ""}`, null, image.followed),
      );
      support.append(html("div", { class: "ml-line" }, ...images), html("div", { class: "ml-name", title: row.name, text: row.name }));
    });
    const across = Math.ceil(queries.length / rows.length);
    const grid = html("div", { class: "ml-queries", style: `grid-template-columns: repeat(${across}, 48px)` });
    for (const query of queries) grid.append(example(query.src, `query image with label ${query.label}`, chip(query.label, "small")));
    const query = part("query set B", grid);
    card.replaceChildren(chips, support, html("div", { class: "ml-bar", role: "presentation" }), query);
    parts = { L: [chips], S: [support], B: [query] };
    const trail = labels.flatMap((label, i) => [...(i ? [" → "] : []), chip(label, "small")]);
    status.replaceChildren(labels.length > 1 ? "The ringed image is the same one. Its label in each episode: " : "The ringed image has, in this episode, the label ", ...trail);
  }
  show();
  light(null);
  return listen(model, ["card"], show);
}

export default { render };
