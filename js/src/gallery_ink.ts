// Curves as pixels. The canvas' own strokes take ten times as long where hundreds of curves are drawn.
import type { Line } from "./gallery_values.ts";

/** Lowest and highest value that a curve has in each pixel column; NaN where it has none. */
export interface Extent {
  low: Float64Array;
  high: Float64Array;
}

export function emptyExtent(width: number): Extent {
  return { low: new Float64Array(width), high: new Float64Array(width) };
}

/** A line from value to value, column by column; a value between two gaps is a dot. */
export function extents({ xs, values, length }: Line, extent: Extent): Extent {
  const { low, high } = extent;
  const last = low.length - 1;
  low.fill(NaN);
  high.fill(NaN);
  const reach = (column: number, a: number, b: number) => {
    const [from, to] = a < b ? [a, b] : [b, a];
    if (!(low[column]! <= from)) low[column] = from; // NaN is not lower
    if (!(high[column]! >= to)) high[column] = to;
  };
  for (let i = 0; i < length; i++) {
    const [x, value] = [xs[i]!, values[i]!];
    if (Number.isNaN(value)) continue;
    const column = Math.min(Math.floor(x), last);
    reach(column, value, value);
    const next = values[i + 1]!;
    if (i + 1 >= length || Number.isNaN(next)) continue;
    const [end, until] = [xs[i + 1]!, Math.min(Math.floor(xs[i + 1]!), last)];
    const slope = end > x ? (next - value) / (end - x) : 0;
    let before = value;
    for (let c = column; c <= until; c++) {
      const after = c === until ? next : value + (c + 1 - x) * slope;
      reach(c, before, after);
      before = after;
    }
  }
  return extent;
}

/** Pixels of one colour, of which curves cover a part. */
export interface Sheet {
  pixels: Uint8ClampedArray;
  width: number;
  height: number;
}

/**
 * Draw a curve of some thickness with its left end at `left`; `y` tells the height of a value, in pixels from above.
 * color : red, green, blue and opacity, 0 to 255.
 */
export function ink(sheet: Sheet, { low, high }: Extent, left: number, y: (value: number) => number, thick: number, color: readonly number[]) {
  const { pixels, width, height } = sheet;
  const end = Math.min(low.length, width - left);
  for (let c = 0; c < end; c++) {
    if (Number.isNaN(low[c])) continue;
    const [above, below] = [y(high[c]!) - thick / 2, y(low[c]!) + thick / 2];
    const [first, last] = [Math.max(Math.floor(above), 0), Math.min(Math.ceil(below), height)];
    for (let row = first; row < last; row++) {
      const covered = Math.min(row + 1, below) - Math.max(row, above);
      const at = 4 * (row * width + left + c);
      pixels[at] = color[0]!;
      pixels[at + 1] = color[1]!;
      pixels[at + 2] = color[2]!;
      pixels[at + 3] = color[3]! * covered;
    }
  }
}
