import assert from "node:assert/strict";
import { test } from "node:test";
import { unpackStates, type Packed } from "../src/packed.ts";

test("every buffer goes back to the widget and the place that it came from", () => {
  const [a, b, c] = [1, 2, 3].map((length) => new DataView(new ArrayBuffer(length)));
  const packed: Packed[] = [
    ["line", { x: { dtype: "float32" }, y: { dtype: "float32" } }, [["x", "value"], ["y", "value"]], 2],
    ["text", { value: "said" }, [], 0],
    ["held", { list: [0, null] }, [["list", 1]], 1],
  ];
  assert.deepEqual(unpackStates(packed, [a!, b!, c!]), [
    ["line", { x: { dtype: "float32", value: a }, y: { dtype: "float32", value: b } }],
    ["text", { value: "said" }],
    ["held", { list: [0, c] }],
  ]);
});
