// Round numbers on an axis.

/** Multiples of 1, 2 or 5 times a power of ten between low and high, at most `most` of them. */
export function ticks(low: number, high: number, most: number): number[] {
  if (!(high > low) || most < 1) return [];
  const power = 10 ** Math.floor(Math.log10((high - low) / most));
  const between = (step: number): [number, number] => [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  const step = [1, 2, 5, 10, 20].map((by) => by * power).find((by) => between(by)[1] - between(by)[0] < most)!;
  const [first, last] = between(step);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
