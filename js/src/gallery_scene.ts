// What the kernel sent about a layer and its gallery, unpacked once per change.
import type { AnyModel } from "@anywidget/types";
import type { Scene } from "./gallery_draw.ts";
import { CURVES, UNITS, grid, list, orderOf, placesOf } from "./gallery_layout.ts";
import { inTime } from "./gallery_time.ts";
import { floats, integers, nearest, type Interval } from "./steps.ts";

/** The panel's pointer, which has been sent the layer's values. */
export interface Source {
  kind: "sequence" | "units" | "other";
  word: string;
  numbers: number[];
  n_filters: number;
  centres: DataView;
  points?: DataView;
  run?: number;
  values: DataView;
  filter: number;
  step: number | null;
  unit: string;
  seconds_per_step: number;
  scale: string;
}

export interface State {
  source: string;
  mode: "curves" | "rows";
  order: DataView;
  marks: DataView;
  samples: number;
  absent: DataView;
  span: [number, number];
  colors: [number, number];
  palette: DataView;
}

export const OF_SOURCE = ["kind", "n_filters", "centres", "points", "run", "values", "numbers", "word"] as const;
export const OF_GALLERY = ["mode", "order", "marks", "samples", "absent", "span", "colors", "palette"] as const;
export const LEFT = 60; // as far as the plot area of every figure lies from the ends
export const RIGHT = 16;

/** A layer as the source has it; without values where there were too many to send, or where they are on their way. */
export interface Layer {
  kind: Source["kind"];
  n: number;
  values: Float32Array;
  centres: Float32Array;
  at: Float32Array;
  inTime: Int32Array;
  run: number;
}

export function unpack(source: AnyModel<Source>): Layer {
  const [kind, n, values] = [source.get("kind"), source.get("n_filters"), floats(source.get("values"))];
  const centres = floats(source.get("centres"));
  const points = source.get("points");
  const at = points?.byteLength ? floats(points) : centres;
  const fits = kind !== "other" && n > 0 && values.length === n * (kind === "units" ? 1 : at.length);
  const run = source.get("run") ?? 1;
  return { kind, n: fits ? n : 0, values, centres, at, inTime: inTime(at), run };
}

export interface Laid {
  scene: Scene;
  /** In which place each filter stands. */
  places: Int32Array;
}

/** Everything at its place, for a gallery so wide and high. */
export function lay(
  layer: Layer, model: AnyModel<State>, source: AnyModel<Source>, time: Interval, width: number, seen: number,
): Laid {
  const order = orderOf(integers(model.get("order")), layer.n);
  const perStep = source.get("seconds_per_step");
  const numbers = source.get("numbers");
  const inner = Math.max(width - LEFT - RIGHT, 1);
  const rows = layer.kind === "sequence" && model.get("mode") === "rows";
  const limits = layer.kind === "units" ? UNITS : CURVES;
  const marks = bytes(model.get("marks"));
  const scene: Scene = {
    ...layer,
    absent: absentPoints(bytes(model.get("absent")), layer),
    layout: rows ? list(layer.n, inner, seen, LEFT) : grid(layer.n, inner, seen, LEFT, limits),
    order,
    marks: marks.length === layer.n ? marks : new Uint8Array(layer.n),
    numberOf: (filter) => numbers[filter] ?? filter,
    shown: [time[0] / perStep, time[1] / perStep],
    span: model.get("span"),
    colors: model.get("colors"),
    palette: new Uint32Array(bytes(model.get("palette")).slice().buffer),
  };
  return { scene, places: placesOf(order) };
}

/** Whether each point is padding, as the step that it lies on. */
function absentPoints(absent: Uint8Array, { at, centres }: Layer): Uint8Array {
  if (!absent.length || absent.length === at.length) return absent;
  return Uint8Array.from(at, (time) => absent[nearest(centres, time) ?? -1] ?? 0);
}

function bytes(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
