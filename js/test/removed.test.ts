import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, pairText, refusalText, removedText, switchText } from "../src/removed.ts";

const MSE = { metric: "mse", before: 0.032 };

test("bars are parts of the longest, positive where the removal is worse", () => {
  assert.deepEqual([...bars(new Float32Array([0.5, -2, NaN, 0]), true)], [0.25, -1, 0, 0]);
  assert.deepEqual([...bars(new Float32Array([0.5, -2]), false)], [-0.25, 1]); // accuracy
});

test("there are no bars while nothing is known, or where nothing changes", () => {
  assert.deepEqual([...bars(new Float32Array([NaN, NaN]), true)], [0, 0]);
  assert.deepEqual([...bars(new Float32Array([0, 0]), true)], [0, 0]);
  assert.deepEqual([...bars(new Float32Array([Infinity, 1]), true)], [0, 1]);
});

test("what is removed is listed, and counted where it is much", () => {
  assert.equal(removedText([3], 8, "filter"), "Removed: filter 3 · 1 of 8");
  assert.equal(removedText([0, 3, 7], 8, "unit"), "Removed: units 0, 3, 7 · 3 of 8");
  const many = removedText([...Array(20).keys()], 128, "unit");
  assert.equal(many, "Removed: units 0, 1, 2, 3, 4, 5, 6, 7 and 12 more · 20 of 128");
  assert.match(removedText([], 8, "filter"), /^Click a filter to remove it.* switches$/);
});

test("units without a switch are told", () => {
  assert.match(removedText([], 9000, "unit", 4096), / · the first 4096 of 9000 units are here$/);
  assert.match(removedText([8000], 9000, "unit", 4096), /^Removed: unit 8000 · 1 of 9000 · the first 4096 of 9000/);
});

test("why a filter stays is said in the same words for the only one and for the last one", () => {
  assert.equal(refusalText(0, 1, "filter"), "The only filter: without it nothing of the layer is left");
  assert.equal(removedText([], 1, "filter"), refusalText(0, 1, "filter"));
  assert.equal(refusalText(5, 8, "unit"), "Unit 5 stays on: without it nothing of the layer is left");
});

test("a switch tells its state, and the metric without it alone if that is known", () => {
  const told = (on: boolean, value?: number, change?: number) => switchText(3, on, "filter", MSE, value, change);
  assert.equal(told(true, 0.115, 0.083), "Filter 3 is on · removed alone: mse 0.115 instead of 0.032 (+0.083)");
  assert.equal(told(false, 0.03, -0.002), "Filter 3 is off · removed alone: mse 0.03 instead of 0.032 (−0.002)");
  assert.equal(told(true, NaN, NaN), "Filter 3 is on · removed alone: not known");
  assert.equal(told(false), "Filter 3 is off");
});

test("a pair tells what both, each alone, and both beyond each change", () => {
  const change = new Float32Array([0.0062, 0.1991, 0.1991, 0.0203]);
  assert.equal(
    pairText([0, 1], 2, "filter", MSE, change, true),
    "Filters 0 and 1 removed: mse 0.231, 0.199 more than with all; alone 0.0382 and 0.0523; interaction +0.173",
  );
  const single = pairText([1], 2, "filter", MSE, change, true);
  assert.equal(single, "Filter 1 removed alone: mse 0.0523, 0.0203 more than with all");
});

test("less, nothing, unknown and not a number are told apart", () => {
  const told = (change: number, complete: boolean) =>
    pairText([0], 1, "unit", MSE, new Float32Array([change]), complete);
  assert.equal(told(-0.002, true), "Unit 0 removed alone: mse 0.03, 0.002 less than with all");
  assert.equal(told(0, true), "Unit 0 removed alone: mse 0.032, as with all");
  assert.equal(told(NaN, false), "Unit 0 removed alone: not computed yet");
  assert.equal(told(NaN, true), "Unit 0 removed alone: not a number");
  const unsent = pairText([3, 5], 2000, "unit", MSE, new Float32Array(), true);
  assert.equal(unsent, "Units 3 and 5 removed: too many pairs to read them out");
});
