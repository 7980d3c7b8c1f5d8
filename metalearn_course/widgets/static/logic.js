// What all scripts compute: numbers, words, places and paths, without a page. Tested under node.

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Scales: functions from one interval onto another.
export const linear = (low, high, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);
export const log = (low, high, from, to) => (value) => linear(Math.log(low), Math.log(high), from, to)(Math.log(value));
// The way back of a log scale: what lies at a share, 0 to 1, of the way from low to high.
export const onLogScale = (low, high, share) => low * (high / low) ** share;

// A number in three significant digits.
export const short = (value) => (value === null ? "not finite" : String(Number(value.toPrecision(3))));
export const minus = (text) => String(text).replaceAll("-", "−");
// The same with a real minus sign; what is tiny in powers of ten.
export const signed = (value) => minus(value && Math.abs(value) < 1e-3 ? value.toExponential(2) : short(value));
// A number as lesson 06's picture writes it: `say` of figures/meta_words.py.
export function say(value) {
  if (value === null) return "not finite";
  const plain = value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4);
  return minus(plain ? short(value) : value.toExponential(1).replace("+", ""));
}
export const pair = (w) => `(${w.map((v) => v.toFixed(2)).join(", ")})`;
export const rateOf = (logRate) => String(Number((10 ** logRate).toPrecision(2)));
export const inSteps = (count) => `${count} step${count === 1 ? "" : "s"}`;

// Numbers to write on a log axis: decades only where there are many, more of each where there are few.
export function logTicks(low, high) {
  const parts = high / low > 300 ? [1] : high / low > 8 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
  const ticks = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++)
    for (const part of parts) {
      const tick = Number(`${part}e${decade}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  return ticks;
}

export const powersOfTen = (low, high) => logTicks(low, high).filter((tick) => Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6));

// Whole numbers along an axis, and fewer where there are many.
export function wholeTicks(low, high) {
  const every = Math.max(1, Math.ceil((high - low) / 8));
  const all = [...Array(Math.floor(high) - Math.ceil(low) + 1).keys()].map((i) => i + Math.ceil(low));
  return all.filter((tick) => tick % every === 0);
}

// Numbers of steps to write on an axis from 0 to the last: tens, five of them or fewer.
export function stepTicks(last) {
  const every = Math.max(1, Math.ceil(last / 50)) * 10;
  return [...Array(Math.floor(last / every) + 1).keys()].map((i) => i * every);
}

// The smallest round number of which three at most fit between 0 and the limit.
export function niceStep(limit) {
  const size = 10 ** Math.floor(Math.log10(limit / 3));
  return [1, 2, 5, 10].map((digit) => digit * size).find((value) => 4 * value > limit);
}

// The path of a line that breaks where a value is missing and is cut at the ends of the chart.
export function path(xs, ys, x, y, low, high) {
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

export const star = (x, y, radius) =>
  [...Array(10).keys()]
    .map((i) => {
      const [r, angle] = [i % 2 ? radius * 0.42 : radius, (i * Math.PI) / 5];
      return `${(x + r * Math.sin(angle)).toFixed(2)},${(y - r * Math.cos(angle)).toFixed(2)}`;
    })
    .join(" ");

const corners = (size, ...points) => `M${points.map(([x, y]) => `${x * size} ${y * size}`).join("L")}Z`;
const CROSS = [[-1 / 3, -1], [1 / 3, -1], [1 / 3, -1 / 3], [1, -1 / 3], [1, 1 / 3], [1 / 3, 1 / 3]];
const TURNED = [[-1, -0.5], [-0.5, -1], [0, -0.5]];
const turned = (points) => points.map(([x, y]) => [-x, -y]);
const quarter = (points) => points.map(([x, y]) => [-y, x]);
// Marks around 0 by matplotlib's names for them, so that a widget's are those of its picture.
const MARKERS = {
  o: (s) => `M${-s} 0A${s} ${s} 0 1 0 ${s} 0A${s} ${s} 0 1 0 ${-s} 0Z`,
  s: (s) => corners(s, [-1, -1], [1, -1], [1, 1], [-1, 1]),
  D: (s) => corners(s, [0, -1.3], [1.2, 0], [0, 1.3], [-1.2, 0]),
  "^": (s) => corners(s, [-1.1, 1], [1.1, 1], [0, -1.1]),
  v: (s) => corners(s, [-1.1, -1], [1.1, -1], [0, 1.1]),
  P: (s) => corners(s, ...CROSS, ...turned(CROSS)),
  X: (s) => corners(s, ...TURNED, ...quarter(TURNED), ...turned(TURNED), ...turned(quarter(TURNED))),
};
export const marker = (name, size) => MARKERS[name](size);

// How a label looks everywhere, by the palette that Python sent.
export function labelLook({ labels, markers }, label) {
  const [color, ink] = labels[label % labels.length];
  return { color, ink, marker: markers[label % markers.length] };
}

// The value at a place between the ends, of values that are spread evenly.
export function valueAt(values, share) {
  const place = share * (values.length - 1);
  const i = Math.min(Math.floor(place), values.length - 2);
  return values[i] + (values[i + 1] - values[i]) * (place - i);
}

// Lesson 07: what Python computed on the grid, between its points.
export function between(frames, w) {
  const { axis } = frames;
  const [low, step] = [axis[0], axis[1] - axis[0]];
  const [[i, u], [j, v]] = w.map((value) => {
    const place = clamp((value - low) / step, 0, axis.length - 1);
    const cell = Math.min(Math.floor(place), axis.length - 2);
    return [cell, place - cell];
  });
  const mix = (of) => (1 - v) * ((1 - u) * of(j, i) + u * of(j, i + 1)) + v * ((1 - u) * of(j + 1, i) + u * of(j + 1, i + 1));
  const gradients = frames.tasks.map((task) => [0, 1].map((k) => mix((row, column) => task.gradients[row][column][k])));
  return {
    at: w,
    before: mix((row, column) => frames.before.loss[row][column]),
    after: frames.after.map((map) => mix((row, column) => map.loss[row][column])),
    adapted: frames.alphas.map((alpha) => gradients.map((gradient) => w.map((value, k) => value - alpha * gradient[k]))),
  };
}

// The grid's point nearest to a start.
export const nearest = (axis, w) =>
  w.map((value) => axis.reduce((best, point) => (Math.abs(point - value) < Math.abs(best - value) ? point : best)));

export const same = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-3;

// Lesson 06: how an element is to be seen at a moment, as Python's `all_states` packed it.
export function stateOf({ tracks, of }, choice, element, moment) {
  const bits = parseInt(tracks[of[choice][element]][moment], 32);
  const [shown, reached, now, dim, cut] = [1, 2, 4, 8, 16].map((bit) => (bits & bit) > 0);
  return { shown, reached, now, dim, cut };
}

// Lesson 06: the number that a draggable part stands for; at the last moment, what the meta-optimizer made of it.
export function valueOfPart(frames, part, moved) {
  const index = part === "rate" ? null : Number(part.split(" ")[1]);
  const [now, then] = index === null ? [frames.rate, frames.moved.rate.rate] : [frames.theta[0][index], frames.moved.start.theta[index]];
  return moved ? (then ?? now) : now;
}

// Lesson 06: whether a meta-step to this target has somewhere finite to go.
export const canMove = ({ moved }, target) => (target === "rate" ? [moved.rate.rate] : moved.start.theta).every((value) => value !== null);

// Lesson 06: a part dragged `by` pixels to the right: the rate by a factor, a weight by an amount that suits its `size`.
export const shifted = (part, from, by, size) => (part === "rate" && from > 0 ? from * Math.exp(by / 70) : from + by * 0.01 * Math.max(1, Math.abs(size)));

// The game: what an answer is called, the answer that a key stands for (a letter, or a digit from 1), or null.
export const letterOf = (label) => String.fromCharCode(65 + label);
export function answerOf(key, ways) {
  if (key.length !== 1) return null;
  const label = /[1-9]/.test(key) ? Number(key) - 1 : key.toUpperCase().charCodeAt(0) - 65;
  return label >= 0 && label < ways ? label : null;
}

// The game: the question after one that was answered, the first that is open where an earlier answer was changed.
export function questionAfter(at, answers, count) {
  for (let i = at + 1; i < count; i++) if (answers[i] === undefined) return i;
  return count;
}
