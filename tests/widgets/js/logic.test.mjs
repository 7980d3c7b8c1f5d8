// The widgets' computations against values worked out by hand, and against properties that must hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as logic from "../../../metalearn_course/widgets/static/logic.js";

const near = (found, expected, within = 1e-9) => assert.ok(Math.abs(found - expected) <= within, `${found} is not near ${expected}`);
const numbersOf = (d) => d.match(/-?[\d.]+(e-?\d+)?/g).map(Number);

test("scales take their ends to the ends and the middle to the middle, and log scales have a way back", () => {
  const across = logic.linear(-2, 6, 100, 20);
  assert.deepEqual([-2, 2, 6].map(across), [100, 60, 20]);
  const along = logic.log(0.01, 100, 0, 40);
  [0.01, 0.1, 1, 10, 100].forEach((value, i) => near(along(value), 10 * i));
  for (const share of [0, 0.25, 0.7, 1]) near(logic.log(0.001, 30, 0, 1)(logic.onLogScale(0.001, 30, share)), share);
  assert.deepEqual([-1, 0.5, 9].map((value) => logic.clamp(value, 0, 1)), [0, 0.5, 1]);
});

test("numbers are written in three digits, with a real minus sign where it is asked for", () => {
  assert.deepEqual([0, 1.2345, -0.1, 28124.5, null].map(logic.short), ["0", "1.23", "-0.1", "28100", "not finite"]);
  assert.deepEqual([0, -1.5, 0.00012345, -2e-7, null].map(logic.signed), ["0", "−1.5", "1.23e−4", "−2.00e−7", "not finite"]);
  assert.equal(logic.minus("-1 and -2"), "−1 and −2");
  assert.equal(logic.pair([1, -0.125]), "(1.00, -0.13)");
  assert.deepEqual([-1.6, -3, 0].map(logic.rateOf), ["0.025", "0.001", "1"]);
  assert.deepEqual([0, 1, 2].map(logic.inSteps), ["0 steps", "1 step", "2 steps"]);
});

test("a log axis has decades where it is long and more numbers where it is short", () => {
  assert.deepEqual(logic.logTicks(0.001, 30), [0.001, 0.01, 0.1, 1, 10]);
  assert.deepEqual(logic.logTicks(1, 20), [1, 2, 5, 10, 20]);
  assert.deepEqual(logic.logTicks(0.9, 3), [1, 1.5, 2, 3]);
  assert.deepEqual(logic.powersOfTen(1, 20), [1, 10]);
});

test("other axes have a few round numbers inside their ends", () => {
  assert.deepEqual(logic.wholeTicks(-3, 3), [-3, -2, -1, 0, 1, 2, 3]);
  assert.deepEqual(logic.wholeTicks(-10.5, 10.5), [-9, -6, -3, 0, 3, 6, 9]);
  assert.deepEqual(logic.stepTicks(99), [0, 20, 40, 60, 80]);
  assert.deepEqual(logic.stepTicks(5), [0]);
  assert.deepEqual(logic.stepTicks(0), [0]);
  for (const limit of [0.004, 1, 2.9, 3, 7.77, 85]) {
    const step = logic.niceStep(limit);
    assert.ok(4 * step > limit && [1, 2, 5, 10].some((digit) => Math.abs(Math.log10(step / digit) % 1) < 1e-9), `${limit}: ${step}`);
  }
  assert.deepEqual([3, 7.77, 85].map(logic.niceStep), [1, 2, 50]);
});

test("a line breaks where a value is missing and is cut at the ends", () => {
  const same = (value) => value;
  assert.equal(logic.path([0, 1, 2, 3, 4], [1, 50, null, 3, -50], same, same, -9, 9), "M0.0 1.0L1.0 9.0M3.0 3.0L4.0 -9.0");
  assert.equal(logic.path([0, 1], [null, null], same, same, 0, 1), "");
});

test("a star has five tips on a circle, the first upward", () => {
  const corners = logic.star(10, 20, 5).split(" ").map((corner) => corner.split(",").map(Number));
  assert.equal(corners.length, 10);
  corners.forEach(([x, y], i) => near(Math.hypot(x - 10, y - 20), i % 2 ? 2.1 : 5, 0.01));
  assert.deepEqual(corners[0], [10, 15]);
});

test("every marker lies around 0, and the triangles point where their names say", () => {
  for (const name of "osD^vPX") {
    const corners = numbersOf(logic.marker(name, 10));
    assert.ok(Math.max(...corners.map(Math.abs)) <= 13 && Math.min(...corners) < -9 && Math.max(...corners) > 9, name);
  }
  const tip = (name) => {
    const numbers = numbersOf(logic.marker(name, 1));
    const points = [0, 2, 4].map((i) => [numbers[i], numbers[i + 1]]);
    return points.find(([x]) => x === 0)[1];
  };
  assert.ok(tip("^") < 0 && tip("v") > 0); // y grows downward
  assert.throws(() => logic.marker("unheard of", 1));
});

test("labels take colors and markers in turn, each at its own pace", () => {
  const palette = { labels: [["red", "white"], ["gold", "black"], ["blue", "white"]], markers: "os" };
  assert.deepEqual(logic.labelLook(palette, 1), { color: "gold", ink: "black", marker: "s" });
  assert.deepEqual(logic.labelLook(palette, 5), { color: "blue", ink: "white", marker: "s" });
});

test("between evenly spread values lies what a straight line says", () => {
  near(logic.valueAt([0, 10, 0], 0.25), 5);
  near(logic.valueAt([0, 10, 4], 1), 4);
});

// A loss a w1 + b w2 + c w1 w2, which interpolation between grid points must hit exactly, and its gradient (a + c w2, b + c w1).
function bilinear(axis) {
  const [a, b, c] = [2, -1, 0.5];
  const of = (f) => axis.map((w2) => axis.map((w1) => f(w1, w2)));
  const loss = of((w1, w2) => a * w1 + b * w2 + c * w1 * w2);
  const gradients = of((w1, w2) => [a + c * w2, b + c * w1]);
  return { axis, alphas: [0, 0.1], tasks: [{ gradients }], before: { loss }, after: [{ loss }, { loss: of((w1, w2) => w1 * w2) }] };
}

test("between the points of a map, and at its edge, a bilinear loss is met exactly", () => {
  const frames = bilinear([-1, 0, 1, 2]);
  for (const [w1, w2] of [[0.3, 1.7], [-1, -1], [2, 2], [1, 0.25]]) {
    const found = logic.between(frames, [w1, w2]);
    near(found.before, 2 * w1 - w2 + 0.5 * w1 * w2);
    near(found.after[1], w1 * w2);
    assert.deepEqual(found.adapted[0][0].map((value) => value + 0), [w1, w2]);
    near(found.adapted[1][0][0], w1 - 0.1 * (2 + 0.5 * w2));
    near(found.adapted[1][0][1], w2 - 0.1 * (-1 + 0.5 * w1));
  }
});

test("the nearest point of a grid, and when two starts are the same", () => {
  assert.deepEqual(logic.nearest([-1, 0, 1, 2], [0.4, 9]), [0, 2]);
  assert.ok(logic.same([1, 1], [1.0005, 1]) && !logic.same([1, 1], [1.01, 1]));
});

test("a state is read bit by bit from its element's track", () => {
  const states = { tracks: ["0v", "37"], of: { "start attached": [1, 0, 1] } };
  const all = { shown: true, reached: true, now: true, dim: true, cut: true };
  assert.deepEqual(logic.stateOf(states, "start attached", 1, 1), all);
  assert.deepEqual(logic.stateOf(states, "start attached", 1, 0), Object.fromEntries(Object.keys(all).map((part) => [part, false])));
  assert.deepEqual(logic.stateOf(states, "start attached", 2, 1), { ...all, dim: false, cut: false });
});

const RUN = { rate: 0.1, theta: [[1, 2], [0.5, 1]], moved: { rate: { rate: null }, start: { theta: [0.8, 1.9] } } };

test("a part stands for what it is, or for what a meta-step made of it where that is a number", () => {
  assert.equal(logic.valueOfPart(RUN, "rate", false), 0.1);
  assert.equal(logic.valueOfPart(RUN, "rate", true), 0.1);
  assert.equal(logic.valueOfPart(RUN, "start 1", false), 2);
  assert.equal(logic.valueOfPart(RUN, "start 1", true), 1.9);
  assert.ok(logic.canMove(RUN, "start") && !logic.canMove(RUN, "rate"));
});

test("a dragged rate changes by factors and stays positive, a weight by amounts", () => {
  near(logic.shifted("rate", 0.2, 70, 0.2), 0.2 * Math.E);
  near(logic.shifted("rate", logic.shifted("rate", 0.2, 33, 0.2), -33, 0.2), 0.2);
  near(logic.shifted("rate", 0, 10, 0), 0.1);
  near(logic.shifted("start 0", -3, 10, -3), -2.7);
  near(logic.shifted("start 0", 0.5, -10, 0.5), 0.4);
});

test("a key stands for the example of its letter or digit, and for nothing beyond the last", () => {
  assert.deepEqual([0, 1, 19].map(logic.letterOf), ["A", "B", "T"]);
  for (let label = 0; label < 20; label++) {
    assert.equal(logic.answerOf(logic.letterOf(label), 20), label);
    assert.equal(logic.answerOf(logic.letterOf(label).toLowerCase(), 20), label);
  }
  assert.deepEqual(["1", "5", "9"].map((key) => logic.answerOf(key, 5)), [0, 4, null]);
  for (const key of ["f", "u", "0", "Tab", "Enter", " ", "ArrowLeft", "@", "["]) assert.equal(logic.answerOf(key, 5), null, key);
});

test("after an answer comes the first question that is open", () => {
  assert.equal(logic.questionAfter(0, [2], 20), 1);
  assert.equal(logic.questionAfter(1, [2, 0, 1, null], 20), 4);
  assert.equal(logic.questionAfter(19, Array(20).fill(0), 20), 20);
});
