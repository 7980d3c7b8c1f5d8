import { answerOf, letterOf, questionAfter } from "./logic.js";
import { button, frame, html, listen, put } from "./kit.js";

const HELP = "Click the example that shows the same character, or press its letter. Nothing is told until the end.";

function render({ model, el }) {
  const root = frame("Game: you against the methods");
  const bar = html("div", { class: "ml-row" });
  const stage = html("div", { class: "ml-game" });
  const told = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  const status = html("p", { class: "ml-status", role: "status", "aria-live": "polite" });
  root.append(bar, stage, told, status);
  el.append(root);

  let at = 0; // the question that is shown
  let answers = [];
  let since = 0; // when it was first seen
  let replay = null; // a finished game that is looked at

  const picture = (src, alt) => html("img", { src, alt, class: "ml-drawing", draggable: "false" });
  const asked = (game, i) =>
    html("figure", { class: "ml-asked" }, picture(game.questions[i].src, `the drawing of question ${i + 1}`), html("figcaption", { text: "Which is it?" }));

  function examples(game, i, marks, onchoose) {
    const sheet = game.sheets[game.questions[i].sheet];
    const grid = html("div", { class: "ml-examples", role: "group", "aria-label": "examples" });
    for (let label = 0; label < game.ways; label++) {
      const shown = sheet.slice(label * game.shots, (label + 1) * game.shots).map((src) => picture(src, `drawing ${letterOf(label)}`));
      const mark = marks(label);
      const inside = [html("span", { class: "ml-letter", text: letterOf(label) }), ...shown, ...(mark ? [html("span", { class: "ml-mark", text: mark.text })] : [])];
      const name = `example ${letterOf(label)}${mark ? `, ${mark.text}` : ""}`;
      const kind = `ml-example-choice${mark ? ` ${mark.kind}` : ""}`;
      grid.append(
        onchoose
          ? html("button", { type: "button", class: kind, "aria-label": name, "aria-keyshortcuts": letterOf(label), onclick: () => onchoose(label) }, ...inside)
          : html("div", { class: kind, role: "img", "aria-label": name }, ...inside),
      );
    }
    return grid;
  }

  const playing = () => at < (model.get("deal").questions?.length ?? 0) && !model.get("result").questions && !replay;

  function choose(label) {
    if (!playing()) return;
    const game = model.get("deal");
    const seconds = (performance.now() - since) / 1000;
    answers[at] = label;
    model.send({ type: "answer", question: at, label, seconds });
    at = questionAfter(at, answers, game.questions.length);
    if (at < game.questions.length) show(true);
    else told.textContent = "That was the last one. Python counts; without a kernel nothing can be judged here.";
  }
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (replay && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
      return;
    }
    const label = playing() ? answerOf(event.key, model.get("deal").ways) : null;
    if (label === null) return;
    event.preventDefault();
    event.stopPropagation();
    choose(label);
  });

  function step(by) {
    at = Math.min(Math.max(0, at + by), replay.questions.length - 1);
    show(true);
  }
  function open(game) {
    replay = game;
    at = 0;
    show(true);
  }

  function table(result) {
    const head = ["", "this game: right, with a 95 % interval", ...(result.games > 1 ? [`all ${result.games} games`] : [])];
    const cell = (score) => score?.words ?? "";
    const rows = result.rows.map((row) => {
      const cells = [cell(row.now), ...(result.games > 1 ? [cell(row.all)] : [])].map((text) => html("td", { text }));
      return html("tr", row.who === "you" ? { class: "you" } : {}, html("th", { scope: "row", text: row.who }), ...cells);
    });
    return html(
      "table",
      { class: "ml-scores" },
      html("caption", { text: result.rows.some((row) => !row.all) ? `${result.title}. The paper's rows are over all of its runs.` : result.title }),
      html("thead", {}, html("tr", {}, ...head.map((text) => html("th", { scope: "col", text })))),
      html("tbody", {}, ...rows),
    );
  }

  function showReplay() {
    const [truth, answer] = [replay.truth[at], replay.answers[at]];
    const marks = (label) =>
      label === truth ? { kind: "true", text: label === answer ? "right" : "the answer" } : label === answer ? { kind: "wrong", text: "chosen" } : null;
    const others = Object.entries(replay.methods).map(([who, theirs]) => `${who}: ${letterOf(theirs[at])}${theirs[at] === truth ? "" : " (wrong)"}`);
    const back = button("previous", () => step(-1));
    const next = button("next", () => step(1));
    back.disabled = at === 0;
    next.disabled = at === replay.questions.length - 1;
    bar.replaceChildren(back, next, button("close", () => ((replay = null), show(true))));
    stage.replaceChildren(asked(replay, at), examples(replay, at, marks, null));
    const verdict = answer === truth ? "right" : `wrong, it is ${letterOf(truth)}`;
    told.textContent = `${replay.title}, played by ${replay.player}. Question ${at + 1} of ${replay.questions.length}: ${letterOf(answer)}, ${verdict}. ${others.join("; ")}.`;
  }

  function showOffer() {
    const starts = model.get("choices").map(({ name, label, protocol }) => put(button(label, () => model.send({ type: "start", name })), { title: protocol }));
    const result = model.get("result");
    const watch = [];
    if (result.questions) watch.push(button("look at your answers", () => open(result)));
    if (model.get("stored").questions) watch.push(button("watch a stored game", () => open(model.get("stored"))));
    bar.replaceChildren(...starts, ...watch);
    stage.replaceChildren(...(result.rows ? [table(result)] : []));
    told.textContent = result.told ?? "You are the few-shot learner: twenty drawings, each to be matched with one of a few examples.";
  }

  function showQuestion() {
    const game = model.get("deal");
    const back = button("back", () => ((at -= 1), show(true)));
    back.disabled = at === 0;
    const forward = button("forward", () => ((at += 1), show(true)));
    forward.disabled = at >= answers.length;
    bar.replaceChildren(back, forward, button("stop, and go on later", () => model.send({ type: "stop" })));
    const marks = (label) => (answers[at] === label ? { kind: "chosen", text: "chosen" } : null);
    stage.replaceChildren(asked(game, at), examples(game, at, marks, choose));
    told.textContent = `${game.title}: question ${at + 1} of ${game.questions.length}. ${HELP}`;
    since = performance.now();
  }

  // What had the focus is made anew: the focus goes to the stage, which hears the keys.
  stage.setAttribute("tabindex", "-1");
  function show(focus) {
    const had = focus || root.contains(document.activeElement);
    if (replay) showReplay();
    else if (playing()) showQuestion();
    else showOffer();
    if (had && !root.contains(document.activeElement)) stage.focus({ preventScroll: true });
  }
  const dealt = () => {
    replay = null;
    at = model.get("deal").answered ?? 0;
    answers = Array(at).fill(null);
    show(false);
  };
  const say = () => (status.textContent = model.get("status"));
  dealt();
  say();
  const gone = [listen(model, ["deal"], dealt), listen(model, ["result", "choices", "stored"], () => show(false)), listen(model, ["status"], say)];
  return () => gone.forEach((stop) => stop());
}

export default { render };
