// What a gallery says: which filter is under the pointer or chosen, and what its signs mean.
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

/** A filter in words: the panel's pointer tells its values. */
export function chosenText(word: string, number: number, place: number, n: number, mark: number): string {
  const name = `${word[0]!.toUpperCase()}${word.slice(1)} ${number}`;
  return `${name}, ${place + 1} of ${n}${mark ? `, ${SIGNS[mark]![1]}` : ""}`;
}

/** What stands where nothing is pointed at. */
export function hintText(kind: string, word: string, run: number, empty: boolean): string {
  if (kind === "other") return "Nothing to draw: this layer's output has neither steps nor units";
  if (empty) return "Too many values to send them to the page: choose the picture, or a shorter series";
  const merged = run > 1 ? `Lowest and highest of every ${run} steps · ` : "";
  return `${merged}Click a ${word} to choose it, arrow keys walk from one to the next`;
}
