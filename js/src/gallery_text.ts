// What a gallery says: of the filter under the pointer, of the chosen one, and what its signs mean.
import { short } from "./steps.ts";

/** A sign and a word for every number in `STATES` of analysis/dead.py, and how it is found out. */
export const SIGNS = [
  ["", "", ""],
  ["○", "dead", "always 0"],
  ["=", "constant", "always one other value"],
  ["▲", "saturated", "within 1 % of a bound 95 % of the time"],
  ["?", "not a number", "NaN or infinite at times"],
] as const;

/** `○ 3 dead: always 0`, for every sign that there is, over so many samples; "" where all is well. */
export function legendText(marks: Uint8Array, samples: number): string {
  const told = SIGNS.map(([sign, word, how], state) => {
    const count = state && marks.reduce((sum, mark) => sum + Number(mark === state), 0);
    return count ? `${sign} ${count} ${word}: ${how}` : "";
  }).filter(Boolean);
  return told.length ? `${told.join(" · ")} (over ${samples} ${samples === 1 ? "sample" : "samples"})` : "";
}

/** Where and when a value was read. */
export interface Reading {
  word: string;
  number: number;
  /** The input step, a fraction where the layer's step lies between two; null without a time axis. */
  at: number | null;
  secondsPerStep: number;
  unit: string;
  /** One value, or lowest and highest of `run` steps; none where there were too many to send. */
  values: number[];
  run: number;
  mark: number;
}

export function readingText({ word, number, at, secondsPerStep, unit, values, run, mark }: Reading): string {
  const name = `${word[0]!.toUpperCase()}${word.slice(1)} ${number}`;
  const seconds = at === null || !unit ? "" : ` (${short(at * secondsPerStep)} ${unit})`;
  const when = at === null ? "" : ` at input step ${short(at)}${seconds}`;
  const [low, high] = [short(values[0]), short(values.at(-1))];
  const of = run > 1 ? `, lowest and highest of ${run} steps` : "";
  const value = values.length ? ` = ${low === high ? low : `${low} to ${high}`}${of}` : "";
  return `${name}${when}${value}${mark ? ` · ${SIGNS[mark]![1]}` : ""}`;
}

/** The chosen filter in words, for those who do not see its frame. */
export function chosenText(word: string, number: number, place: number, n: number, mark: number): string {
  return `${word} ${number}, ${place + 1} of ${n}${mark ? `, ${SIGNS[mark]![1]}` : ""}`;
}

/** What stands where nothing is pointed at. */
export function hintText(kind: string, word: string, run: number, empty: boolean): string {
  if (kind === "other") return "Nothing to draw: this layer's output has neither steps nor units";
  if (empty) return "Too many values to send them to the page: choose the picture, or a shorter series";
  const merged = run > 1 ? `Lowest and highest of every ${run} steps · ` : "";
  return `${merged}Click a ${word} to choose it, arrow keys walk from one to the next`;
}
