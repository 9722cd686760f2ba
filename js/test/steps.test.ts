import assert from "node:assert/strict";
import { test } from "node:test";
import { floats, nearest, project, readings, short, spanText } from "../src/steps.ts";

test("bytes that do not begin at a multiple of four are read", () => {
  const buffer = new ArrayBuffer(9);
  new DataView(buffer).setFloat32(1, 2.5, true);
  assert.deepEqual([...floats(new DataView(buffer, 1, 8))], [2.5, 0]);
});

test("pixels are projected on time and back", () => {
  assert.equal(project(150, [100, 200], [0, 10]), 5);
  assert.equal(project(5, [0, 10], [100, 200]), 150);
});

test("the nearest centre is found among unsorted ones, and steps that see nothing are passed over", () => {
  assert.equal(nearest(new Float32Array([NaN, 30, 20, 10]), 11), 3);
  assert.equal(nearest(new Float32Array([]), 11), null);
  assert.equal(nearest(new Float32Array([NaN]), 11), null);
});

test("a step's values are its row, and there are none outside", () => {
  const values = new Float32Array([1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...readings(values, 1, 2)], [3, 4]);
  assert.deepEqual([...readings(values, 2, 1)], [3]);
  for (const step of [null, -1, 3]) assert.equal(readings(values, step, 2).length, 0);
  assert.equal(readings(new Float32Array(), 0, 2).length, 0);
});

test("numbers have three significant digits and a real minus", () => {
  assert.equal(short(-0.123456), "−0.123");
  assert.equal(short(1234), "1230");
  assert.equal(short(NaN), "not a number");
  assert.equal(short(-Infinity), "minus infinite");
});

test("a span is told in steps, and in seconds where they are known", () => {
  assert.equal(spanText(60, 112, 1, ""), "sees input steps 60–112");
  assert.equal(spanText(60, 112, 0.02, "s"), "sees input steps 60–112 (1.2–2.24 s)");
  assert.equal(spanText(5, 5, 1, ""), "sees input step 5");
  assert.equal(spanText(5, 4, 1, ""), "sees only padding");
});
