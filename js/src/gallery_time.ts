// Which points of a layer fall on which pixel: the same for all of its filters, so it is found once for a picture.
import { project, type Interval } from "./steps.ts";

/** Points in the order of time, as far as they are in sight, and one beyond at either end. */
export interface Track {
  /** Indices of points. */
  points: Int32Array;
  /** Where each of them lies, in pixels from the left end. */
  xs: Float64Array;
  width: number;
  /** Where there are more points than pixels: at which of them each pixel begins, and the end; else null. */
  pixels: Int32Array | null;
}

const CROWDED = 2; // points a pixel from which on lowest and highest stand for them

/** Indices of points in the order of time, without those that have no place. */
export function inTime(at: Float32Array): Int32Array {
  const there: number[] = [];
  let rising = true;
  at.forEach((time, i) => {
    if (!Number.isFinite(time)) return;
    rising &&= there.length === 0 || at[there.at(-1)!]! <= time;
    there.push(i);
  });
  return Int32Array.from(rising ? there : there.sort((a, b) => at[a]! - at[b]! || a - b));
}

/** Points at the input steps `at`, seen from `shown[0]` to `shown[1]` on so many pixels. */
export function track(at: Float32Array, order: Int32Array, shown: Interval, width: number): Track {
  const first = Math.max(lowerBound(at, order, shown[0]) - 1, 0);
  const end = Math.min(lowerBound(at, order, shown[1]) + 1, order.length);
  const points = order.subarray(first, Math.max(end, first));
  const xs = Float64Array.from(points, (point) => project(at[point]!, shown, [0, width]));
  if (points.length <= CROWDED * width) return { points, xs, width, pixels: null };
  const pixels = new Int32Array(width + 1);
  let i = 0;
  for (let pixel = 0; pixel <= width; pixel++) {
    while (i < xs.length && (xs[i]! < pixel || pixel === width)) i++;
    pixels[pixel] = i;
  }
  pixels[0] = 0;
  return { points, xs, width, pixels };
}

/** The points that each pixel column of a picture shows, from `from` up to and without `to` in the order of time. */
export interface Columns {
  from: Int32Array;
  to: Int32Array;
}

/**
 * A point takes the place up to half way to its neighbours; of several in one pixel all count.
 * pairs : whether every two points are lowest and highest of the same steps, and both count wherever one does.
 */
export function columns(at: Float32Array, order: Int32Array, shown: Interval, width: number, pairs = false): Columns {
  const n = order.length;
  const [from, to] = [new Int32Array(width), new Int32Array(width)];
  if (!n) return { from, to };
  const gaps = Float64Array.from({ length: n - 1 }, (_, i) => at[order[i + 1]!]! - at[order[i]!]!);
  const typical = gaps.filter((gap) => gap > 0).sort();
  const end = (typical.length ? typical[typical.length >> 1]! : 1) / 2;
  const edges = Float64Array.from({ length: n + 1 }, (_, i) => {
    if (i === 0) return at[order[0]!]! - end;
    return i === n ? at[order[n - 1]!]! + end : at[order[i - 1]!]! + gaps[i - 1]! / 2;
  });
  const step = (shown[1] - shown[0]) / width;
  const crowded = 2 * end < step;
  let [low, high] = [0, 0];
  for (let x = 0; x < width; x++) {
    const middle = shown[0] + (x + 0.5) * step;
    const [left, right] = crowded ? [middle - step / 2, middle + step / 2] : [middle, middle];
    if (right < edges[0]! || left >= edges[n]!) continue;
    while (low < n - 1 && edges[low + 1]! <= left) low++;
    high = Math.max(high, low);
    while (high < n - 1 && edges[high + 1]! < right) high++;
    const last = crowded ? high : low;
    from[x] = pairs ? low & ~1 : low;
    to[x] = (pairs ? Math.min(last | 1, n - 1) : last) + 1;
  }
  return { from, to };
}

/** The first place in the order of time whose point is at `time` or later. */
function lowerBound(at: Float32Array, order: Int32Array, time: number): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[order[middle]!]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
