// One filter out of a layer's values: its curve, the scale that it is drawn on, and what is said of it.
import { short, type Interval } from "./steps.ts";

/** What a line is drawn through: `at` are places on the step axis, of `run` steps each if there are too many. */
export interface Points {
  at: Float32Array;
  values: Float32Array;
  run: number;
}

/** A column of values in C order, of which each row has `n`. */
export function column(values: Float32Array, n: number, filter: number): Float32Array {
  const one = new Float32Array(n ? Math.floor(values.length / n) : 0);
  for (let step = 0, from = filter; step < one.length; step++, from += n) one[step] = values[from]!;
  return one;
}

/** Lowest and highest of runs of steps, so that there are at most `most` points; as `envelope` does in the kernel. */
export function envelope(values: Float32Array, most: number): Points {
  const n = values.length;
  if (n <= most) return { at: Float32Array.from(values.keys()), values, run: 1 };
  const run = Math.ceil(n / Math.max(Math.floor(most / 2), 1));
  const count = Math.ceil(n / run);
  const [at, points] = [new Float32Array(2 * count), new Float32Array(2 * count)];
  for (let i = 0; i < count; i++) {
    let [low, high] = [NaN, NaN];
    for (let step = i * run; step < Math.min((i + 1) * run, n); step++) {
      const value = values[step]!;
      if (!(low <= value)) low = Number.isNaN(value) ? low : value;
      if (!(high >= value)) high = Number.isNaN(value) ? high : value;
    }
    at.set([0.25, 0.75].map((share) => Math.min(i * run + share * (run - 1), n - 1)), 2 * i);
    points.set([low, high], 2 * i);
  }
  return { at, values: points, run };
}

/** What stands at a place between two entries. */
export function between(entries: Float32Array, place: number): number {
  const low = Math.floor(place);
  const [a, b] = [entries[low]!, entries[Math.min(low + 1, entries.length - 1)]!];
  return a + (place - low) * (b - a);
}

/** The curve of one filter at the input steps `centres`, in the unit of time. A single step is as wide as its place. */
export function curveOf(values: Float32Array, centres: Float32Array, perStep: number, most: number): Points {
  const finite = values.map((value) => (Number.isFinite(value) ? value : NaN));
  const points = envelope(finite, most);
  const at = points.run === 1 ? centres.slice() : points.at.map((place) => between(centres, place));
  if (at.length !== 1) return { ...points, at: at.map((step) => step * perStep) };
  const wide = Float32Array.of((at[0]! - 0.5) * perStep, (at[0]! + 0.5) * perStep);
  return { at: wide, values: Float32Array.of(finite[0]!, finite[0]!), run: 1 };
}

/** Smallest and largest finite value, and how many are not finite; null where none is. */
export function extent(values: Float32Array): { span: Interval | null; unreal: number } {
  let [low, high, unreal] = [Infinity, -Infinity, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) unreal++;
    else {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return { span: low <= high ? [low, high] : null, unreal };
}

/** A range with room around it; as `ValueAxis.fit` does in the kernel. */
export function roomy([low, high]: Interval, margin = 0.06): Interval {
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [-1, 1];
  const room = high > low ? (high - low) * margin : Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

/** Multiples of 1, 2 or 5 times a power of ten, at most `most` of them; as `nice_ticks` does in the kernel. */
export function niceTicks([low, high]: Interval, most: number): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / Math.max(most, 1)));
  for (const multiple of [1, 2, 5, 10, 20]) {
    const step = power * multiple;
    const first = Math.ceil(low / step);
    const count = Math.floor(high / step) - first + 1;
    if (count > most && multiple < 20) continue;
    const ticks = Array.from({ length: Math.max(count, 0) }, (_, i) => (first + i) * step);
    return ticks.map((tick) => (Math.abs(tick) < 1e-9 * (high - low) ? 0 : tick));
  }
  return [];
}

/** From where to where a curve goes, in words. */
export function spanOf(values: Float32Array): string[] {
  const { span, unreal } = extent(values);
  const notes = [span ? `${short(span[0])} to ${short(span[1])}` : "no finite value"];
  if (unreal) notes.push(`${unreal.toLocaleString("en")} ${unreal === 1 ? "step" : "steps"} without a value`);
  return notes;
}

/** A bold title and faint notes in one line of HTML; the words are escaped. As `caption` does in the kernel. */
export function caption(title: string, ...notes: string[]): string {
  const said = notes.filter(Boolean);
  const rest = said.map((note) => ` · ${escaped(note)}`).join("");
  return `<div title="${escaped([title, ...said].join(" · "))}"><b>${escaped(title)}</b>${rest}</div>`;
}

export function escaped(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}
