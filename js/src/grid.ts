// Cells in rows: where keys lead in a wrapped row of switches and in a square of pairs, and what lies under a pointer.
import { clamp } from "./steps.ts";

/** Row and column of a square; as filters, a pair. */
export type Cell = readonly [number, number];

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Where a key leads from cell `at` of `n`, which are wrapped into rows of `columns`; null for other keys. */
export function walkSwitches(key: string, at: number, n: number, columns: number, page: number): number | null {
  const by = { ArrowLeft: -1, ArrowRight: 1, Home: -n, End: n }[key];
  if (by !== undefined) return clamp(at + by, 0, n - 1);
  const rows = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page }[key];
  if (rows === undefined) return null;
  const row = clamp(Math.floor(at / columns) + rows, 0, Math.floor((n - 1) / columns));
  return Math.min(row * columns + (at % columns), n - 1);
}

/** The cell of an n × n square that lies under a point; null outside of the square. */
export function cellAt(x: number, y: number, area: Box, n: number): Cell | null {
  const row = Math.floor(((y - area.top) / area.height) * n);
  const column = Math.floor(((x - area.left) / area.width) * n);
  return row >= 0 && column >= 0 && row < n && column < n ? [row, column] : null;
}

/** Where a key leads from a cell of an n × n square; null for other keys. */
export function walkSquare(key: string, [row, column]: Cell, n: number, page: number): Cell | null {
  const down = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page }[key] ?? 0;
  const right = { ArrowLeft: -1, ArrowRight: 1, Home: -n, End: n }[key] ?? 0;
  return down || right ? [clamp(row + down, 0, n - 1), clamp(column + right, 0, n - 1)] : null;
}

/** The place of a cell in a square of that size, in pixels; a small cell's frame is `least` wide, around its middle. */
export function frameOf([row, column]: Cell, n: number, size: Pick<Box, "width" | "height">, least: number): Box {
  const width = Math.max(size.width / n, least);
  const height = Math.max(size.height / n, least);
  const left = ((column + 0.5) * size.width) / n - width / 2;
  return { left, top: ((row + 0.5) * size.height) / n - height / 2, width, height };
}

/** The filters that a cell stands for, in rising order: one on the diagonal. */
export function pairOf([row, column]: Cell): number[] {
  return row === column ? [row] : [Math.min(row, column), Math.max(row, column)];
}
