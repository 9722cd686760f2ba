// What a gallery shows of one filter: the points of its curve, the colours of its row.
import type { Columns, Track } from "./gallery_time.ts";
import { clamp } from "./steps.ts";

/** A layer's values (n_points, n) in C order; points that are absent hold no value. */
export interface Values {
  values: Float32Array;
  n: number;
  absent: Uint8Array;
}

/** x in pixels and value in turn, a gap where a value is NaN; cut off at both ends of the track. */
export interface Line {
  length: number;
  xs: Float64Array;
  values: Float64Array;
}

export function emptyLine(track: Track): Line {
  const most = track.pixels ? 2 * track.width : track.points.length;
  return { length: 0, xs: new Float64Array(most), values: new Float64Array(most) };
}

/** Fill `line` with one filter's curve; where pixels hold many points, with the lowest and highest of each. */
export function curve({ values, n, absent }: Values, filter: number, track: Track, line: Line): Line {
  const { points, xs, width, pixels } = track;
  const value = (i: number): number => {
    const point = points[i]!;
    return absent[point] ? NaN : values[point * n + filter]!;
  };
  line.length = 0;
  if (pixels) {
    for (let pixel = 0; pixel < width; pixel++) {
      let [low, high] = [Infinity, -Infinity];
      let any = false;
      if (pixels[pixel] === pixels[pixel + 1]) continue;
      for (let i = pixels[pixel]!; i < pixels[pixel + 1]!; i++) {
        const one = value(i);
        if (!Number.isFinite(one)) continue;
        any = true;
        if (one < low) low = one;
        if (one > high) high = one;
      }
      push(line, pixel + 0.5, any ? low : NaN);
      push(line, pixel + 0.5, any ? high : NaN);
    }
    return line;
  }
  const last = points.length - 1;
  for (let i = 0; i <= last; i++) {
    const [x, one] = [xs[i]!, value(i)];
    if (x < 0 && i < last) push(line, 0, between(one, value(i + 1), -x / (xs[i + 1]! - x)));
    else if (x > width && i > 0) push(line, width, between(value(i - 1), one, (width - xs[i - 1]!) / (x - xs[i - 1]!)));
    else if (x >= 0 && x <= width) push(line, x, one);
  }
  return line;
}

/** Paint one filter's row into `out`, from `start` on: a colour of the palette for every pixel column. */
export function paint(
  { values, n, absent }: Values,
  filter: number,
  order: Int32Array,
  { from, to }: Columns,
  [low, high]: readonly number[],
  palette: Uint32Array,
  out: Uint32Array,
  start: number,
) {
  const levels = palette.length - 3; // after absent and invalid, from the first to the last
  const scale = levels / Math.max(high! - low!, 1e-30);
  let [before, end, color] = [-1, -1, palette[0]!];
  for (let x = 0; x < from.length; x++) {
    if (from[x] !== before || to[x] !== end) {
      [before, end] = [from[x]!, to[x]!];
      const value = strongest(values, n, filter, order, absent, before, end);
      color = palette[entry(value, low!, scale, levels)]!;
    }
    out[start + x] = color;
  }
}

/** The palette's entry for a value: null is absent, NaN and infinite are invalid. */
function entry(value: number | null, low: number, scale: number, levels: number): number {
  if (value === null) return 0;
  return Number.isFinite(value) ? 2 + Math.round(clamp((value - low) * scale, 0, levels)) : 1;
}

/** The value of largest magnitude of some points; null where all of them are absent, NaN where none is a number. */
function strongest(
  values: Float32Array, n: number, filter: number, order: Int32Array, absent: Uint8Array, from: number, to: number,
): number | null {
  let found: number | null = null;
  for (let i = from; i < to; i++) {
    const point = order[i]!;
    if (absent[point]) continue;
    const value = values[point * n + filter]!;
    if (found === null || Number.isNaN(found) || Math.abs(value) > Math.abs(found) || value === -found) {
      found = value === -found! ? Math.abs(value) : value; // of two that differ in sign alone the positive one, always
    }
  }
  return found;
}

function push(line: Line, x: number, value: number) {
  line.xs[line.length] = x;
  line.values[line.length++] = Number.isFinite(value) ? value : NaN;
}

function between(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
