import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyModel } from "@anywidget/types";
import { emptyExtent, extents, ink } from "../src/gallery_ink.ts";
import { CURVES, boxOf, grid, inSight, list, orderOf, placeAt, placesOf, scrolledTo } from "../src/gallery_layout.ts";
import { lay, unpack, type Source, type State } from "../src/gallery_scene.ts";
import { chosenText, legendText } from "../src/gallery_text.ts";
import { columns, inTime, track } from "../src/gallery_time.ts";
import { curve, emptyLine, paint } from "../src/gallery_values.ts";
import { ticks } from "../src/ticks.ts";

const f32 = (...values: number[]) => new Float32Array(values);
const NONE = new Uint8Array();

test("every cell lies within the width, no two overlap, and a point finds its cell", () => {
  for (const n of [1, 2, 7, 64, 128, 2048]) {
    for (const [width, seen] of [[420, 300], [900, 420], [1500, 420]] as const) {
      for (const layout of [grid(n, width, seen, 60, CURVES), list(n, width, seen, 60)]) {
        for (let i = 0; i < n; i++) {
          const box = boxOf(i, layout);
          assert.ok(box.left >= 60 && box.left + box.width <= 60 + width + 1e-6 && box.top + box.height <= layout.height);
          assert.equal(placeAt(box.left + box.width / 2, box.top + box.height / 2, layout), i);
        }
        assert.equal(placeAt(59, 5, layout), null);
        assert.equal(placeAt(60 + width + 1, 5, layout), null);
        assert.equal(placeAt(65, layout.height + 1, layout), null);
      }
    }
  }
});

test("what is in sight is what lies between the edges, and no more than a row of it hidden", () => {
  const layout = grid(2048, 1200, 420, 60, CURVES);
  for (const scrolled of [0, 3, 1000, layout.height - 420]) {
    const [first, last] = inSight(layout, scrolled, 420);
    for (let i = 0; i < layout.n; i++) {
      const { top, height } = boxOf(i, layout);
      assert.equal(i >= first && i < last, top + height > scrolled && top < scrolled + 420);
    }
  }
});

test("scrolling brings a cell into sight, and nothing moves if it is", () => {
  const layout = list(2048, 900, 420, 60);
  assert.equal(scrolledTo(3, layout, 0, 420), 0);
  for (const i of [0, 1000, 2047]) {
    const scrolled = scrolledTo(i, layout, 5000, 420);
    const { top, height } = boxOf(i, layout);
    assert.ok(top >= scrolled && top + height <= scrolled + 420 && scrolled >= 0);
  }
});

test("an order of another layer is not used, and places are its inverse", () => {
  assert.deepEqual([...orderOf(new Int32Array([2, 0, 1]), 3)], [2, 0, 1]);
  assert.deepEqual([...orderOf(new Int32Array([2, 0, 1]), 2)], [0, 1]);
  assert.deepEqual([...placesOf(new Int32Array([2, 0, 1]))], [1, 2, 0]);
});

test("points are put in the order of time, without those that have no place", () => {
  assert.deepEqual([...inTime(f32(0, 1, NaN, 2))], [0, 1, 3]);
  assert.deepEqual([...inTime(f32(30, 20, NaN, 10))], [3, 1, 0]);
  assert.deepEqual([...inTime(f32(1, 0, 1, 0))], [1, 3, 0, 2]);
});

test("a curve goes through its points at their places in time, with gaps", () => {
  const at = f32(0, 5, 10, 15);
  const path = track(at, inTime(at), [0, 20], 200);
  const values = { values: f32(1, -1, NaN, -2, 3, -3, 4, -4), n: 2, absent: NONE };
  const line = curve(values, 0, path, emptyLine(path));
  assert.deepEqual([...line.xs.subarray(0, line.length)], [0, 50, 100, 150]);
  assert.deepEqual([...line.values.subarray(0, line.length)], [1, NaN, 3, 4]);
  assert.deepEqual([...curve({ ...values, absent: new Uint8Array([0, 0, 0, 1]) }, 1, path, line).values], [-1, -2, -3, NaN]);
});

test("zoomed in, a curve is cut off at both ends where the line crosses them", () => {
  const at = f32(0, 10, 20, 30);
  const path = track(at, inTime(at), [5, 27.5], 225);
  const line = curve({ values: f32(0, 100, 200, 300), n: 1, absent: NONE }, 0, path, emptyLine(path));
  assert.deepEqual([...line.xs.subarray(0, line.length)], [0, 50, 150, 225]);
  assert.deepEqual([...line.values.subarray(0, line.length)], [50, 100, 200, 275]);
});

test("where pixels hold many points, lowest and highest of each stand for them, as a slow search finds them", () => {
  const [n, width] = [5000, 100];
  const at = Float32Array.from({ length: n }, (_, i) => i);
  const values = Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898) * 43.7 + Math.sin(i / 300) * 9);
  values[1234] = NaN;
  const path = track(at, inTime(at), [0, n], width);
  const line = curve({ values, n: 1, absent: NONE }, 0, path, emptyLine(path));
  assert.equal(line.length, 2 * width);
  for (let pixel = 0; pixel < width; pixel++) {
    const inside = [...values].filter((_, i) => Math.floor((i / n) * width) === pixel).filter(Number.isFinite);
    assert.equal(line.xs[2 * pixel], pixel + 0.5);
    assert.deepEqual([line.values[2 * pixel], line.values[2 * pixel + 1]], [Math.min(...inside), Math.max(...inside)]);
  }
});

test("a step takes the place up to half way to its neighbours", () => {
  const at = f32(10, 20, 40);
  const { from, to } = columns(at, inTime(at), [0, 60], 60);
  const shown = [...from].map((first, x) => (to[x]! > first ? first : -1));
  const expected = Array.from({ length: 60 }, (_, x) => {
    const middle = x + 0.5;
    if (middle < 0 || middle >= 50) return -1; // the typical gap is 20
    return middle < 15 ? 0 : middle < 30 ? 1 : 2;
  });
  assert.deepEqual(shown, expected);
});

test("lowest and highest of the same steps share their place", () => {
  const at = f32(1, 2, 5, 6);
  const { from, to } = columns(at, inTime(at), [0.25, 7.25], 7, true);
  assert.deepEqual([...from], [0, 0, 0, 2, 2, 2, 0]);
  assert.deepEqual([...to], [2, 2, 2, 4, 4, 4, 0]);
});

test("several steps in one pixel column are all seen, and none is lost", () => {
  const at = Float32Array.from({ length: 3000 }, (_, i) => i);
  const { from, to } = columns(at, inTime(at), [-0.5, 2999.5], 400);
  assert.equal(from[0], 0);
  assert.equal(to[399], 3000);
  for (let x = 1; x < 400; x++) assert.ok(from[x]! <= to[x - 1]! && to[x]! > from[x]!);
});

test("a row has the palette's colours: strongest of a column, absent empty, NaN invalid", () => {
  const palette = Uint32Array.from({ length: 2 + 253 }, (_, i) => i);
  const out = new Uint32Array(4);
  const which = { from: new Int32Array([0, 1, 2, 4]), to: new Int32Array([1, 2, 4, 5]) };
  const order = new Int32Array([0, 1, 2, 3, 4]);
  const values = { values: f32(1, NaN, -0.5, 0.25, 9), n: 1, absent: new Uint8Array([0, 0, 0, 0, 1]) };
  paint(values, 0, order, which, [-1, 1], palette, out, 0);
  assert.deepEqual([...out], [254, 1, 2 + 63, 0]);
});

test("a filter is told with its place among them and its sign", () => {
  assert.equal(chosenText("filter", 17, 2, 128, 0), "Filter 17, 3 of 128");
  assert.equal(chosenText("unit", 17, 2, 128, 3), "Unit 17, 3 of 128, saturated");
});

test("signs are explained and counted, and only those that there are", () => {
  assert.equal(legendText(new Uint8Array([0, 0]), 16), "");
  const text = legendText(new Uint8Array([1, 0, 3, 1]), 16);
  assert.match(text, /^○ 2 dead: .* · ▲ 1 saturated: .* \(over 16 samples\)$/);
  assert.ok(!text.includes("constant"));
});

test("ticks are round, within the axis and not too many", () => {
  assert.deepEqual(ticks(0, 6, 7), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(ticks(-0.01, 5.99, 12), [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5]);
  assert.deepEqual(ticks(0, 0, 5), []);
  for (const [low, high, most] of [[0.1, 0.2, 4], [-3, 1000, 6], [7, 7.001, 9]] as const) {
    const found = ticks(low, high, most);
    assert.ok(found.length >= 1 && found.length <= most && found[0]! >= low - 1e-9 && found.at(-1)! <= high + 1e-9);
  }
});

test("a curve covers every column from its lowest to its highest value there, gaps none", () => {
  const line = { length: 5, xs: Float64Array.of(0, 4, 5, 6.5, 7.5), values: Float64Array.of(0, 8, NaN, 3, 1) };
  const { low, high } = extents(line, emptyExtent(10));
  assert.deepEqual([...low], [0, 2, 4, 6, 8, NaN, 2, 1, NaN, NaN]);
  assert.deepEqual([...high], [2, 4, 6, 8, 8, NaN, 3, 2, NaN, NaN]);
});

test("pixels at the ends of a stroke are covered in part, and nothing is drawn beyond the sheet", () => {
  const sheet = { pixels: new Uint8ClampedArray(4 * 3 * 6), width: 3, height: 6 };
  const extent = { low: Float64Array.of(2, NaN, -9, 0), high: Float64Array.of(3, NaN, 9, 0) };
  ink(sheet, extent, 0, (value) => 5 - value, 1, [10, 20, 30, 200]);
  const alpha = (column: number) => Array.from({ length: 6 }, (_, row) => sheet.pixels[4 * (3 * row + column) + 3]);
  assert.deepEqual(alpha(0), [0, 100, 200, 100, 0, 0]); // from 1.5 to 3.5
  assert.deepEqual(alpha(1), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(alpha(2), [200, 200, 200, 200, 200, 200]);
  assert.deepEqual([...sheet.pixels.subarray(4 * 3 * 2, 4 * 3 * 2 + 3)], [10, 20, 30]);
});

/** A model of the kernel with this state. */
function model<T extends object>(state: Partial<Record<keyof T, unknown>>): AnyModel<any> {
  return { get: (name: keyof T) => state[name] } as unknown as AnyModel<any>;
}

function sent(array: ArrayLike<number> & { buffer: ArrayBufferLike }): DataView {
  return new DataView(array.buffer);
}

const SENT = { kind: "sequence", n_filters: 2, numbers: [7, 4], seconds_per_step: 0.5, centres: sent(f32(10, 20, 30)) };

test("values stand at the layer's centres, or at points of their own where these are sent", () => {
  const values = sent(f32(1, 2, 3, 4, 5, 6));
  const layer = unpack(model<Source>({ ...SENT, values }));
  assert.deepEqual([layer.n, layer.run, [...layer.at]], [2, 1, [10, 20, 30]]);
  assert.deepEqual([...unpack(model<Source>({ ...SENT, values, points: sent(f32()) })).at], [10, 20, 30]);
  const fewer = unpack(model<Source>({ ...SENT, values: sent(f32(1, 2, 3, 4)), points: sent(f32(12, 25)), run: 3 }));
  assert.deepEqual([fewer.n, fewer.run, [...fewer.at], [...fewer.centres]], [2, 3, [12, 25], [10, 20, 30]]);
  for (const none of [sent(f32()), sent(f32(1, 2, 3))]) {
    assert.equal(unpack(model<Source>({ ...SENT, values: none })).n, 0); // too many to send, or of another layer
  }
  const units = unpack(model<Source>({ ...SENT, kind: "units", centres: sent(f32()), values: sent(f32(1, 2)) }));
  assert.equal(units.n, 2);
});

test("a scene has its filters in order, its time in steps and its padding at the points that lie on it", () => {
  const source = model<Source>({ ...SENT, values: sent(f32(1, 2, 3, 4, 5, 6, 7, 8)), points: sent(f32(11, 14, 26, 29)), run: 2 });
  const gallery = model<State>({
    mode: "rows", order: sent(new Int32Array([1, 0])), marks: sent(new Uint8Array([0, 3])), span: [0, 1], colors: [0, 1],
    absent: sent(new Uint8Array([0, 0, 1])), palette: sent(new Uint8Array(8)),
  });
  const { scene, places } = lay(unpack(source), gallery, source, [1, 6], 576, 400);
  assert.deepEqual([[...scene.order], [...places]], [[1, 0], [1, 0]]);
  assert.deepEqual(scene.shown, [2, 12]);
  assert.deepEqual([...scene.absent], [0, 0, 1, 1]);
  assert.deepEqual([scene.numberOf(0), scene.numberOf(1), scene.numberOf(5)], [7, 4, 5]);
  assert.deepEqual([scene.layout.columns, scene.layout.cellWidth, scene.marks[1]], [1, 500, 3]);
});
