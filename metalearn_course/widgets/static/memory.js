import { clamp, labelLook } from "./logic.js";
import { canvas, draw, frame, html, put } from "./kit.js";

function render({ model, el }) {
  const frames = model.get("frames");
  const images = model.get("images");
  const steps = frames.labels.length;
  const slots = frames.reads[0].length;
  const root = frame("Memory");
  const [left, wide, high, top] = [62, 46, 19, 116];
  const width = left + wide * steps + 6;
  const svg = canvas(width, top + high * slots + 26, "Memory slots against time: writes as orange squares, reads as blue circles");
  const x = (t) => left + wide * (t + 0.5);
  const y = (slot) => top + high * (slot + 0.5);
  let at = model.get("at");

  draw(svg, "text", { x: left - 10, y: 72, text: "label", class: "quiet", "text-anchor": "end" });
  draw(svg, "text", { x: left - 10, y: 98, text: "answer", class: "quiet", "text-anchor": "end" });
  draw(svg, "text", { x: left - 10, y: top + (high * slots) / 2, text: "slots", class: "quiet", "text-anchor": "end" });
  const row = draw(svg, "rect", { x: left, width: wide * steps, height: high, fill: "var(--ml-lit)" });
  for (let slot = 0; slot <= slots; slot++)
    draw(svg, "line", { x1: left, x2: left + wide * steps, y1: top + high * slot, y2: top + high * slot, class: "grid" });

  const columns = frames.labels.map((label, t) => {
    const look = labelLook(model.get("palette"), label);
    const column = draw(svg, "g", { class: "ml-cell", tabindex: t === at ? 0 : -1, role: "button" });
    const box = draw(column, "rect", { x: x(t) - wide / 2, y: 2, width: wide, height: top + high * slots - 2, fill: "transparent", rx: 4 });
    draw(column, "image", { href: images[t], x: x(t) - 19, y: 8, width: 38, height: 38 });
    draw(column, "circle", { cx: x(t), cy: 68, r: 11, fill: look.color });
    const text = draw(column, "text", { x: x(t), y: 72, text: label, "text-anchor": "middle" });
    text.style.fill = look.ink;
    draw(column, "text", { x: x(t), y: 99, text: frames.right[t] ? "✓" : `✗ ${frames.answers[t]}`, "text-anchor": "middle" });
    draw(column, "text", { x: x(t), y: top + high * slots + 16, text: t, class: "quiet", "text-anchor": "middle" });
    const reads = draw(column, "g");
    const writes = draw(column, "g");
    for (let slot = 0; slot < slots; slot++) {
      const [w, r] = [Math.sqrt(frames.writes[t][slot]) * 8, Math.sqrt(frames.reads[t][slot]) * 8];
      if (w > 0.8) draw(writes, "rect", { x: x(t) - 11 - w, y: y(slot) - w, width: 2 * w, height: 2 * w, fill: "var(--ml-write)" });
      if (r > 0.8) draw(reads, "circle", { cx: x(t) + 11, cy: y(slot), r, fill: "var(--ml-weight)" });
    }
    column.addEventListener("click", () => go(t));
    column.addEventListener("keydown", (event) => {
      const next = { ArrowLeft: t - 1, ArrowRight: t + 1, Enter: t, " ": t }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      go(clamp(next, 0, steps - 1));
      columns[at].column.focus({ preventScroll: true });
    });
    return { column, box, reads, writes };
  });

  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  const key = html("p", { class: "ml-status", text: "Orange squares: writes. Blue circles: reads. Click on a step, or use the arrow keys." });
  root.append(svg, status, key);
  el.append(root);

  function go(t) {
    at = t;
    const [slot, writer] = [frames.slot[t], frames.written[t]];
    put(row, { y: top + high * slot });
    columns.forEach(({ column, box, reads, writes }, i) => {
      column.setAttribute("tabindex", i === t ? 0 : -1);
      box.setAttribute("stroke", i === t ? "var(--ml-weight)" : i === writer ? "var(--ml-write)" : "none");
      box.setAttribute("stroke-width", 2);
      reads.classList.toggle("ml-unlit", i !== t);
      writes.classList.toggle("ml-unlit", i !== writer);
      const verdict = frames.right[i] ? "answered rightly" : `answered ${frames.answers[i]}`;
      column.setAttribute("aria-label", `step ${i}, label ${frames.labels[i]}, ${verdict}`);
      column.setAttribute("aria-pressed", i === t);
    });
    const times = ["the first image of its class", "a class seen once before"][frames.seen[t]] ?? `a class seen ${frames.seen[t]} times before`;
    const by = writer === null ? "nothing was written there before" : `step ${writer} had written there, with an image of class ${frames.labels[writer]}`;
    status.textContent = `Step ${t}: label ${frames.labels[t]}, ${times}; ${frames.right[t] ? "right" : `wrong, it said ${frames.answers[t]}`}. It reads slot ${slot} most (${Math.round(100 * frames.reads[t][slot])}%); ${by}.`;
    model.set("at", at);
    model.save_changes();
  }
  go(at);
}

export default { render };
