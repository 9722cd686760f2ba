import assert from "node:assert/strict";
import { test } from "node:test";
import { floats, nearest, project, readings, short, spanText, valueText } from "../src/steps.ts";

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

test("a value is told, or what lies around it where not every step was sent", () => {
  const values = Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40);
  assert.equal(valueText(values, 2, 1, 3, 1), " = 40");
  assert.equal(valueText(values, 2, 100, 99, 0), " from 1 to 2 in 100 steps");
  assert.equal(valueText(values, 2, 100, 100, 1), " from 30 to 40 in 100 steps");
  assert.equal(valueText(new Float32Array(), 2, 1, 0, 0), "");
});

test("numbers have three significant digits and a real minus", () => {
  assert.equal(short(-0.123456), "−0.123");
  assert.equal(short(1234), "1230");
  assert.equal(short(NaN), "not a number");
  assert.equal(short(-Infinity), "minus infinite");
  assert.equal(short(0.00001234), "1.23e−5");
  assert.equal(short(1234567), "1.23e6");
  assert.equal(short(999999), "1e6");
  assert.equal(short(-0), "0");
});

test("a span is told in steps, and in seconds where they are known", () => {
  assert.equal(spanText(60, 112, 1, ""), "sees input steps 60–112");
  assert.equal(spanText(60, 112, 0.02, "s"), "sees input steps 60–112 (1.2–2.24 s)");
  assert.equal(spanText(5, 5, 1, ""), "sees input step 5");
  assert.equal(spanText(5, 4, 1, ""), "sees only padding");
});
