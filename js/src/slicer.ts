// Draws the chosen filter out of the values that the page holds, without the kernel: the curve, its scale, its row.
import type { AnyModel } from "@anywidget/types";
import { caption, column, curveOf, niceTicks, roomy, spanOf } from "./slice.ts";
import { floats, short, type Interval } from "./steps.ts";

interface State {
  source: string;
  line: string;
  scale: string;
  axis: string;
  caption: string;
  row: string;
  bar: string;
  layer: string;
  layer_class: string;
  ranges: DataView;
  n_ticks: number;
  most: number;
  turn: number;
  drawn: number;
  active: boolean;
}

/** A model of any kind, as the page's widget manager keeps it. */
interface Other {
  get(name: string): any;
  set(values: Record<string, unknown>): void;
  on(events: string, callback: () => void): void;
  off(events: string, callback: () => void): void;
}

type Part = "source" | "line" | "scale" | "axis" | "caption" | "row" | "bar";
type Parts = Record<Part, Other>;
const PARTS: Part[] = ["source", "line", "scale", "axis", "caption", "row", "bar"];
const CAUSES = "change:turn change:filter";
const BAR = [-0.4, -0.4, 0.4, 0.4];

async function initialize({ model }: { model: AnyModel<State> }) {
  const find = (part: Part) => model.widget_manager.get_model(model.get(part).replace("IPY_MODEL_", ""));
  const found = await Promise.all(PARTS.map(find));
  const parts = Object.fromEntries(PARTS.map((part, i) => [part, found[i]])) as unknown as Parts;
  let frame = 0;
  let ours = false; // whether what is drawn is drawn by us
  // Late enough that what the kernel writes meanwhile, of a choice that is past, does not stay.
  const later = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      const kernels = parts.source.get("filter") === model.get("drawn");
      if (kernels && !ours) return; // it may have drawn more than the page holds
      ours = !kernels;
      if (model.get("active") && model.get("turn") === parts.source.get("turn")) draw(model, parts);
    });
  };
  const drawnAnew = () => {
    ours = false;
  };
  model.on("change:drawn", drawnAnew);
  const watched: [Other, string][] = [
    [model as unknown as Other, "change:turn change:ranges change:active"],
    [parts.source, CAUSES],
    [parts.line, "change:x change:y"],
    [parts.scale, "change:min change:max"],
    [parts.caption, "change:value"],
    [parts.row, "change:y"],
    [parts.bar, "change:x change:y"],
  ];
  for (const [other, events] of watched) other.on(events, later);
  return () => {
    cancelAnimationFrame(frame);
    model.off("change:drawn", drawnAnew);
    for (const [other, events] of watched) other.off(events, later);
  };
}

function draw(model: AnyModel<State>, parts: Parts) {
  const { source } = parts;
  const [filter, n] = [source.get("filter") as number, source.get("n_filters") as number];
  const values = floats(source.get("values"));
  if (!values.length || filter >= n) return;
  const word = source.get("word") as string;
  const title = `${word.charAt(0).toUpperCase()}${word.slice(1)} ${filter} of ${model.get("layer")}`;
  const one = column(values, n, filter);
  if (source.get("kind") === "units") {
    const height = Number.isFinite(one[0]!) ? one[0]! : 0;
    change(parts.bar, { x: array(BAR.map((by) => filter + by)), y: array([0, height, height, 0]) });
    const units = `${n.toLocaleString("en")} ${n === 1 ? word : `${word}s`}`;
    const why = `${model.get("layer_class")} has no time axis: ${units} as bars below`;
    change(parts.caption, { value: caption(`${title} = ${short(one[0])}`, why) });
  } else if (source.get("kind") === "sequence") {
    const run = source.get("run") as number;
    const centres = floats(source.get(run > 1 ? "points" : "centres"));
    const curve = curveOf(one, centres, source.get("seconds_per_step"), model.get("most"));
    change(parts.line, { x: array(curve.at), y: array(curve.values) });
    const ranges = floats(model.get("ranges"));
    fit(parts, [ranges[2 * filter]!, ranges[2 * filter + 1]!], model.get("n_ticks"));
    const shared = run * curve.run > 1 ? `lowest and highest of every ${run * curve.run} steps` : "";
    change(parts.caption, { value: caption(title, ...spanOf(one), shared) });
    change(parts.row, { y: [filter - 0.5, filter + 0.5].map((edge) => array([edge, edge])) });
  }
}

function fit(parts: Parts, range: Interval, nTicks: number) {
  const shown = roomy(range);
  if (parts.scale.get("min") === shown[0] && parts.scale.get("max") === shown[1]) return;
  parts.scale.set({ min: shown[0], max: shown[1] });
  parts.axis.set({ tick_values: Object.assign(Float64Array.from(niceTicks(shown, nTicks)), { type: null }) });
}

/** What bqplot takes for an array. */
function array(numbers: ArrayLike<number>): Float32Array {
  return Object.assign(Float32Array.from(numbers), { type: null });
}

/** Set what differs; a mark is redrawn whenever an array is set, equal or not. */
function change(other: Other, values: Record<string, unknown>) {
  const news = Object.entries(values).filter(([name, value]) => !equal(other.get(name), value));
  if (news.length) other.set(Object.fromEntries(news));
}

function equal(a: any, b: any): boolean {
  if (typeof b !== "object") return a === b;
  if (a?.length !== b.length) return false;
  for (let i = 0; i < b.length; i++) if (!Object.is(a[i], b[i]) && !(typeof b[i] === "object" && equal(a[i], b[i]))) return false;
  return true;
}

export default { initialize };
