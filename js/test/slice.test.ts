import assert from "node:assert/strict";
import { test } from "node:test";
import { between, caption, column, curveOf, envelope, extent, niceTicks, roomy, spanOf } from "../src/slice.ts";

const values = Float32Array.of(1, 10, 2, 20, NaN, 30, 4, -40); // four steps of two filters

test("a column is one filter's values", () => {
  assert.deepEqual([...column(values, 2, 1)], [10, 20, 30, -40]);
  assert.deepEqual([...column(values, 2, 0)], [1, 2, NaN, 4]);
  assert.deepEqual([...column(new Float32Array(), 2, 0)], []);
});

test("an envelope keeps lowest and highest of every run, and only a run of NaN is NaN", () => {
  const many = Float32Array.of(1, 5, 2, NaN, NaN, NaN, 7, -1);
  const { at, values: points, run } = envelope(many, 6);
  assert.equal(run, 3);
  assert.deepEqual([...points], [1, 5, NaN, NaN, -1, 7]);
  assert.deepEqual([...at], [0.5, 1.5, 3.5, 4.5, 6.5, 7]);
  assert.equal(envelope(many, 8).run, 1);
});

test("a curve stands at the centres, in the unit of time", () => {
  const centres = Float32Array.of(2, 4, 8);
  assert.deepEqual([...curveOf(Float32Array.of(1, Infinity, 3), centres, 0.5, 100).at], [1, 2, 4]);
  assert.deepEqual([...curveOf(Float32Array.of(1, Infinity, 3), centres, 1, 100).values], [1, NaN, 3]);
  assert.deepEqual([...curveOf(Float32Array.of(7), Float32Array.of(3), 1, 100).at], [2.5, 3.5]);
  const few = curveOf(Float32Array.of(0, 1, 2, 3), Float32Array.of(0, 10, 20, 30), 1, 2);
  assert.deepEqual([few.run, ...few.values], [4, 0, 3]);
  assert.deepEqual([...few.at], [7.5, 22.5]);
  assert.equal(between(Float32Array.of(0, 10), 1), 10);
});

test("ranges, ticks and words are the kernel's", () => {
  assert.deepEqual(roomy([0, 1]), [-0.06, 1.06]);
  assert.deepEqual(roomy([5, 5]), [4.5, 5.5]);
  assert.deepEqual(roomy([0, 0]), [-1, 1]);
  assert.deepEqual(roomy([Infinity, -Infinity]), [-1.12, 1.12]);
  assert.deepEqual(niceTicks([-0.06, 1.06], 3), [0, 0.5, 1]);
  assert.deepEqual(niceTicks([-1.12, 1.12], 3), [-1, 0, 1]);
  assert.deepEqual(extent(values), { span: [-40, 30], unreal: 1 });
  assert.deepEqual(spanOf(Float32Array.of(NaN)), ["no finite value", "1 step without a value"]);
  assert.deepEqual(spanOf(Float32Array.of(-1, 1234)), ["−1 to 1230"]);
});

test("a name is text, whatever it holds", () => {
  const said = caption('Filter 1 of <img src=x onerror="a">', "", "it's");
  assert.equal(said.includes("<img"), false);
  assert.equal(said.endsWith("</b> · it&#x27;s</div>"), true);
});
