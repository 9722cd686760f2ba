import assert from "node:assert/strict";
import { test } from "node:test";
import { cellAt, frameOf, pairOf, walkSquare, walkSwitches } from "../src/grid.ts";
import { between } from "../src/stroke.ts";

const PAGE = 2;

/** Where keys lead in rows of 4: 0–3, 4–7, 8–9. */
function walked(at: number, ...keys: string[]): number {
  return keys.reduce((here, key) => walkSwitches(key, here, 10, 4, PAGE)!, at);
}

test("arrow keys walk through wrapped switches: sideways by number, up and down by row", () => {
  assert.equal(walked(3, "ArrowRight"), 4);
  assert.equal(walked(4, "ArrowLeft"), 3);
  assert.equal(walked(1, "ArrowDown", "ArrowDown"), 9);
  assert.equal(walked(9, "ArrowUp"), 5);
});

test("no key leads out of the switches", () => {
  assert.equal(walked(0, "ArrowLeft"), 0);
  assert.equal(walked(2, "ArrowUp"), 2);
  assert.equal(walked(9, "ArrowRight"), 9);
  assert.equal(walked(8, "ArrowDown"), 8);
  assert.equal(walked(7, "ArrowDown"), 9); // nothing lies right below
});

test("home, end and the page keys walk far, and other keys nowhere", () => {
  assert.equal(walked(5, "Home"), 0);
  assert.equal(walked(5, "End"), 9);
  assert.equal(walked(0, "PageDown"), 8);
  assert.equal(walked(9, "PageUp"), 1);
  assert.equal(walkSwitches("a", 5, 10, 4, PAGE), null);
});

test("a quick stroke is followed in steps that pass over no switch", () => {
  const points = between([0, 0], [30, 40], 8);
  assert.deepEqual([points[0], points.at(-1)], [[0, 0], [30, 40]]);
  for (let i = 1; i < points.length; i++) {
    assert.ok(Math.hypot(points[i]![0] - points[i - 1]![0], points[i]![1] - points[i - 1]![1]) <= 8);
  }
  assert.equal(between([5, 5], [5, 5], 8).length, 2);
});

test("the cell under a point is that of its row and column; none lies outside", () => {
  const area = { left: 100, top: 50, width: 80, height: 40 };
  assert.deepEqual(cellAt(100, 50, area, 8), [0, 0]);
  assert.deepEqual(cellAt(135, 52, area, 8), [0, 3]);
  assert.deepEqual(cellAt(101, 89.9, area, 8), [7, 0]);
  const outside = [[99.9, 60], [180, 60], [120, 49.9], [120, 90]] as const;
  for (const [x, y] of outside) assert.equal(cellAt(x, y, area, 8), null);
  assert.equal(cellAt(120, 60, area, 0), null);
});

test("every cell's frame lies around the points that lead to it", () => {
  const area = { left: 0, top: 0, width: 256, height: 256 };
  for (const cell of [[0, 0], [3, 5], [7, 7]] as const) {
    const { left, top, width, height } = frameOf(cell, 8, area, 7);
    assert.deepEqual([width, height], [32, 32]);
    assert.deepEqual(cellAt(left + 1, top + 1, area, 8), cell);
    assert.deepEqual(cellAt(left + width - 1, top + height - 1, area, 8), cell);
  }
});

test("the frame of a cell of two pixels can be seen, and has the cell in its middle", () => {
  const { left, top, width, height } = frameOf([10, 127], 128, { width: 256, height: 256 }, 7);
  assert.deepEqual([width, height], [7, 7]);
  assert.deepEqual([left + 3.5, top + 3.5], [255, 21]);
});

test("keys walk through the square and stay inside", () => {
  assert.deepEqual(walkSquare("ArrowDown", [3, 5], 8, PAGE), [4, 5]);
  assert.deepEqual(walkSquare("ArrowLeft", [3, 5], 8, PAGE), [3, 4]);
  assert.deepEqual(walkSquare("ArrowUp", [0, 5], 8, PAGE), [0, 5]);
  assert.deepEqual(walkSquare("PageDown", [7, 5], 8, PAGE), [7, 5]);
  assert.deepEqual(walkSquare("PageUp", [5, 5], 8, PAGE), [3, 5]);
  assert.deepEqual(walkSquare("End", [3, 5], 8, PAGE), [3, 7]);
  assert.equal(walkSquare("a", [3, 5], 8, PAGE), null);
});

test("a cell and its mirror are the same pair, and one on the diagonal a single filter", () => {
  assert.deepEqual(pairOf([5, 3]), [3, 5]);
  assert.deepEqual(pairOf([3, 5]), [3, 5]);
  assert.deepEqual(pairOf([4, 4]), [4]);
});
