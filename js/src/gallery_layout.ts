// Where the filters of a gallery stand: cells in a wrapped grid, or rows; what is in sight, and what lies under a point.
import type { Box } from "./grid.ts";
import { clamp, type Interval } from "./steps.ts";

/** Cells of one size in rows of `columns`, from `left` and from above on. */
export interface Layout {
  n: number;
  columns: number;
  cellWidth: number;
  cellHeight: number;
  left: number;
  /** Height of all cells, in sight or not. */
  height: number;
}

/** Smallest and largest width and height of a cell, in pixels. */
export interface Limits {
  width: Interval;
  height: Interval;
}

export const CURVES: Limits = { width: [88, 260], height: [46, 92] };
export const UNITS: Limits = { width: [46, 120], height: [32, 64] };
export const ROW: Interval = [13, 40];

/** As many cells as have room in sight, none smaller or larger than its limits. */
export function grid(n: number, width: number, seen: number, left: number, { width: w, height: h }: Limits): Layout {
  const inSight = Math.max(Math.floor(seen / h[0]), 1);
  const most = Math.max(Math.floor(width / w[0]), 1);
  const columns = clamp(Math.ceil(n / inSight), Math.min(Math.ceil(width / w[1]), most), most);
  const rows = Math.ceil(n / columns);
  const cellHeight = Math.floor(clamp(seen / Math.max(rows, 1), h[0], h[1]));
  return { n, columns, cellWidth: width / columns, cellHeight, left, height: rows * cellHeight };
}

/** One row a filter, as wide as there is room. */
export function list(n: number, width: number, seen: number, left: number): Layout {
  const cellHeight = Math.floor(clamp(seen / Math.max(n, 1), ...ROW));
  return { n, columns: 1, cellWidth: width, cellHeight, left, height: n * cellHeight };
}

/** The place of the i-th cell, from the beginning of all that can be scrolled. */
export function boxOf(i: number, layout: Layout): Box {
  const row = Math.floor(i / layout.columns);
  const left = layout.left + (i % layout.columns) * layout.cellWidth;
  return { left, top: row * layout.cellHeight, width: layout.cellWidth, height: layout.cellHeight };
}

/** Where a cell's time axis begins and ends. */
export function ends(i: number, layout: Layout, gap: number): Interval {
  const { left, width } = boxOf(i, layout);
  return [left + gap, left + width - gap];
}

/** The cell under a point; null where there is none. */
export function placeAt(x: number, y: number, layout: Layout): number | null {
  const [row, column] = [Math.floor(y / layout.cellHeight), Math.floor((x - layout.left) / layout.cellWidth)];
  const i = row * layout.columns + column;
  return row >= 0 && column >= 0 && column < layout.columns && i < layout.n ? i : null;
}

/** From which cell on, up to and without which one, cells can be seen. */
export function inSight(layout: Layout, scrolled: number, seen: number): Interval {
  const first = Math.floor(scrolled / layout.cellHeight) * layout.columns;
  const last = Math.ceil((scrolled + seen) / layout.cellHeight) * layout.columns;
  return [clamp(first, 0, layout.n), clamp(last, 0, layout.n)];
}

/** How far to scroll so that a cell can be seen whole; as it is, if it can. */
export function scrolledTo(i: number, layout: Layout, scrolled: number, seen: number): number {
  const { top, height } = boxOf(i, layout);
  if (top >= scrolled && top + height <= scrolled + seen) return scrolled;
  return clamp(top + height / 2 - seen / 2, 0, Math.max(layout.height - seen, 0));
}

/** The order that was sent, or that of the numbers where it is not one of all n filters: it is of another layer still. */
export function orderOf(sent: Int32Array, n: number): Int32Array {
  return sent.length === n ? sent : Int32Array.from({ length: n }, (_, i) => i);
}

/** In which place each filter stands. */
export function placesOf(order: Int32Array): Int32Array {
  const places = new Int32Array(order.length);
  order.forEach((filter, place) => {
    places[filter] = place;
  });
  return places;
}
