// Arithmetic of the pointer: bytes to numbers, pixels to time, time to steps, numbers to text.

export type Interval = readonly [number, number];

/** The bytes that a kernel sent as numbers; the view that arrives need not be aligned, and is copied then. */
export function floats(bytes: DataView): Float32Array {
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

export function integers(bytes: DataView): Int32Array {
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** Where `x` lies between the ends of `from`, carried over to `to`. */
export function project(x: number, from: Interval, to: Interval): number {
  return to[0] + ((x - from[0]) / (from[1] - from[0])) * (to[1] - to[0]);
}

/** Index of the centre nearest to `at`; null if there is none. Centres may be unsorted, and NaN where a step sees nothing. */
export function nearest(centres: Float32Array, at: number): number | null {
  let best: number | null = null;
  let distance = Infinity;
  for (let i = 0; i < centres.length; i++) {
    const away = Math.abs(centres[i]! - at);
    if (away < distance) [best, distance] = [i, away];
  }
  return best;
}

/** A row of values in C order; empty where there is none. */
export function readings(values: Float32Array, step: number | null, n: number): Float32Array {
  const inside = step !== null && step >= 0 && (step + 1) * n <= values.length;
  return inside ? values.subarray(step * n, (step + 1) * n) : new Float32Array();
}

/** A layer's value in words; of a layer that was too large to send, lowest and highest of the `run` steps around it. */
export function valueText(values: Float32Array, n: number, run: number, step: number, filter: number): string {
  if (run <= 1) return values.length ? ` = ${short(values[step * n + filter])}` : "";
  const pair = 2 * Math.floor(step / run);
  const [low, high] = [values[pair * n + filter], values[(pair + 1) * n + filter]];
  return values.length ? ` from ${short(low)} to ${short(high)} in ${run} steps` : "";
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Three significant digits, as everywhere in the picture; as `number` writes them in the kernel. */
export function short(value: number | undefined): string {
  if (value === undefined) return "";
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "minus infinite";
  const rounded = Number(value.toPrecision(3));
  const plain = rounded === 0 || (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1e6);
  return (plain ? String(rounded) : rounded.toExponential().replace("e+", "e")).replaceAll("-", "−");
}

/** An input interval in words: steps, and seconds where the sampling rate is known. */
export function spanText(lo: number, hi: number, secondsPerStep: number, unit: string): string {
  if (lo > hi) return "sees only padding";
  const steps = lo === hi ? `sees input step ${lo}` : `sees input steps ${lo}–${hi}`;
  return unit ? `${steps} (${short(lo * secondsPerStep)}–${short(hi * secondsPerStep)} ${unit})` : steps;
}
