// What is said of removed filters.
import { short } from "./steps.ts";

const LISTED = 8; // more filters than that are counted

export interface Metric {
  metric: string;
  before: number | null;
}

/** A number with its sign. */
export function signed(value: number): string {
  return value > 0 ? `+${short(value)}` : short(value);
}

/** How long the bar of every filter is, in parts of the longest: positive where its removal is worse, 0 for no bar. */
export function bars(importance: Float32Array, largerIsWorse: boolean): Float32Array {
  const known = importance.map((change) => (Number.isFinite(change) ? change : 0));
  const most = known.reduce((largest, change) => Math.max(largest, Math.abs(change)), 0);
  return known.map((change) => (most ? (change / most) * (largerIsWorse ? 1 : -1) : 0));
}

/** What is removed of `n` filters, and how many of them have a switch. */
export function removedText(removed: number[], n: number, word: string, shown = n): string {
  if (n === 1) return alone(word);
  const here = shown < n ? ` · the first ${shown} of ${n} ${word}s are here` : "";
  const hint = `Click a ${word} to remove it, drag across several; arrow keys walk, space switches`;
  if (!removed.length) return hint + here;
  const first = removed.slice(0, LISTED).join(", ");
  const rest = removed.length > LISTED ? ` and ${removed.length - LISTED} more` : "";
  return `Removed: ${removed.length === 1 ? word : `${word}s`} ${first}${rest} · ${removed.length} of ${n}${here}`;
}

/** Why a filter cannot be switched off. */
export function refusalText(i: number, n: number, word: string): string {
  return n === 1 ? alone(word) : `${capital(word)} ${i} stays on: without it nothing of the layer is left`;
}

/** What a switch stands for; `value` is the metric without this filter alone, `change` its change, if they are known. */
export function switchText(
  i: number,
  on: boolean,
  word: string,
  { metric, before }: Metric,
  value?: number,
  change?: number,
): string {
  const state = `${capital(word)} ${i} is ${on ? "on" : "off"}`;
  if (value === undefined || change === undefined) return state;
  if (Number.isNaN(value) || before === null) return `${state} · removed alone: not known`;
  return `${state} · removed alone: ${metric} ${short(value)} instead of ${short(before)} (${signed(change)})`;
}

/** What the square says of a pair, or of one filter: `change` of shape (n, n) is the metric less that before. */
export function pairText(
  pair: number[],
  n: number,
  word: string,
  { metric, before }: Metric,
  change: Float32Array,
  complete: boolean,
): string {
  const [i, j] = [pair[0]!, pair[1] ?? pair[0]!];
  const who = i === j ? `${capital(word)} ${i} removed alone` : `${capital(word)}s ${i} and ${j} removed`;
  if (!change.length) return `${who}: too many pairs to read them out`;
  const [both, one, other] = [change[i * n + j]!, change[i * n + i]!, change[j * n + j]!];
  if (Number.isNaN(both) || before === null) return `${who}: ${complete ? "not a number" : "not computed yet"}`;
  const told = `${who}: ${metric} ${short(before + both)}, ${against(both)}`;
  if (i === j) return told;
  const singles = `alone ${short(before + one)} and ${short(before + other)}`;
  return `${told}; ${singles}; interaction ${signed(both - one - other)}`;
}

function against(change: number): string {
  if (change === 0) return "as with all";
  return change > 0 ? `${short(change)} more than with all` : `${short(-change)} less than with all`;
}

function alone(word: string): string {
  return `The only ${word}: without it nothing of the layer is left`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
