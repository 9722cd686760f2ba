// One pointer for all figures of an explorer. Hovering is answered here, without the kernel; choices go to the kernel.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { TIMED, figureAt, overlay, plotArea, watchAreas, type ScaleModel } from "./figures.ts";
import { HOVER, POINT, panelOf, type Hover, type Point } from "./panel.ts";
import { clamp, floats, integers, nearest, project, short, spanText, valueText, type Interval } from "./steps.ts";

interface State {
  scale: string;
  home: [number, number];
  unit: string;
  seconds_per_step: number;
  kind: "sequence" | "units" | "other";
  word: string;
  step_word: string;
  numbers: number[];
  n_filters: number;
  centres: DataView;
  fields: DataView;
  values: DataView;
  run: number;
  filter: number;
  step: number | null;
}

/** What the kernel sent about the chosen layer, unpacked once per change. */
interface Layer {
  kind: State["kind"];
  centres: Float32Array;
  fields: Int32Array;
  values: Float32Array;
  run: number;
  nFilters: number;
}

/** Where the pointer is: an input step (a fraction), the layer's step and filter under it. */
interface Spot {
  at: number | null;
  step: number | null;
  filter: number | null;
}

const NOWHERE: Spot = { at: null, step: null, filter: null };
const CAUSES = ["kind", "centres", "fields", "values", "run", "n_filters"] as const;
const DRAG = 4; // pixels that still count as a click

function unpack(model: AnyModel<State>): Layer {
  return {
    kind: model.get("kind"),
    centres: floats(model.get("centres")),
    fields: integers(model.get("fields")),
    values: floats(model.get("values")),
    run: model.get("run"),
    nFilters: model.get("n_filters"),
  };
}

async function render({ model, el }: RenderProps<State>) {
  el.classList.add("tsw-readout");
  const scale = (await model.widget_manager.get_model(
    model.get("scale").replace("IPY_MODEL_", ""),
  )) as unknown as ScaleModel;
  const root = await panelOf(el);
  const stop = new AbortController();
  const listen = (event: string, handler: (event: any) => void) =>
    root.addEventListener(event, handler, { signal: stop.signal });

  let layer = unpack(model);
  let spot = NOWHERE;
  const areas = watchAreas(root, () => redraw());
  let pressed: Interval = [0, 0];
  let frame = 0;
  const redraw = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      root.querySelectorAll<HTMLElement>(TIMED).forEach(areas.seen);
      draw(root, el, model, layer, spot, [scale.get("min"), scale.get("max")]);
      root.dispatchEvent(new CustomEvent<Hover>(HOVER, { detail: { at: spot.at ?? fixed(model, layer) } }));
    });
  };
  const reread = () => {
    layer = unpack(model);
    redraw();
  };
  const choose = (values: Partial<Pick<State, "filter" | "step">>) => {
    for (const [name, value] of Object.entries(values)) model.set(name as keyof State, value as never);
    model.save_changes();
  };

  listen(POINT, ({ detail: { at, filter } }: CustomEvent<Point>) => {
    const step = at === null || layer.kind !== "sequence" ? null : nearest(layer.centres, at);
    spot = { at, step, filter };
    redraw();
  });
  listen("pointermove", (event: PointerEvent) => {
    if ((event.target as Element).closest(".tsw-gallery-list")) return; // it asks to be pointed at
    const figure = figureAt(event);
    spot = figure ? spotAt(figure, event, model, layer, [scale.get("min"), scale.get("max")]) : NOWHERE;
    redraw();
  });
  listen("pointerleave", () => {
    spot = NOWHERE;
    redraw();
  });
  listen("pointerdown", (event: PointerEvent) => {
    pressed = [event.clientX, event.clientY];
  });
  listen("click", (event: MouseEvent) => {
    const figure = figureAt(event);
    if (!figure || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > DRAG) return;
    figure.focus({ preventScroll: true });
    const here = spotAt(figure, event, model, layer, [scale.get("min"), scale.get("max")]);
    const chosen: Partial<Pick<State, "filter" | "step">> = {};
    if (here.step !== null) chosen.step = here.step;
    if (here.filter !== null) chosen.filter = here.filter;
    choose(chosen);
  });
  listen("dblclick", (event: MouseEvent) => {
    if (!figureAt(event)) return;
    const [min, max] = model.get("home");
    scale.set({ min, max });
    scale.save_changes();
  });
  listen("keydown", (event: KeyboardEvent) => {
    const figure = figureAt(event);
    if (!figure || event.ctrlKey || event.metaKey || event.altKey) return;
    const handled = walk(event.key, model, layer);
    if (!handled) return;
    choose(handled);
    if (event.key === "Escape") figure.blur();
    spot = NOWHERE;
    event.preventDefault();
    event.stopPropagation();
  });

  // Notebook front ends otherwise take arrow keys from sliders and figures.
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  const moved = () => redraw();
  const retell = () => tell(el, model, layer, spot); // boxes lie where they lay: to ask the page where that is costs more
  scale.on("change:min change:max", moved);
  for (const name of CAUSES) model.on(`change:${name}`, reread);
  model.on("change:step", moved);
  model.on("change:filter", retell);
  redraw();

  return () => {
    stop.abort();
    areas.stop();
    cancelAnimationFrame(frame);
    scale.off("change:min change:max", moved);
    for (const name of CAUSES) model.off(`change:${name}`, reread);
    model.off("change:step", moved);
    model.off("change:filter", retell);
  };
}

function spotAt(figure: HTMLElement, event: MouseEvent, model: AnyModel<State>, layer: Layer, shown: Interval): Spot {
  const area = plotArea(figure);
  if (!area || event.clientX < area.left || event.clientX > area.right) return NOWHERE;
  const isLayer = figure.classList.contains("tsw-layer");
  if (isLayer && layer.kind === "units") {
    const unit = Math.floor(project(event.clientX, [area.left, area.right], [0, layer.nFilters]));
    return { at: null, step: null, filter: clamp(unit, 0, layer.nFilters - 1) };
  }
  const time = project(event.clientX, [area.left, area.right], shown);
  const at = time / model.get("seconds_per_step");
  const step = layer.kind === "sequence" ? nearest(layer.centres, at) : null;
  const inside = isLayer && layer.kind === "sequence" && event.clientY >= area.top && event.clientY <= area.bottom;
  const row = Math.floor(project(event.clientY, [area.top, area.bottom], [0, layer.nFilters]));
  return { at, step, filter: inside ? clamp(row, 0, layer.nFilters - 1) : null };
}

/** What a key on a focused figure chooses: left and right walk in time, up and down through the filters. */
function walk(key: string, model: AnyModel<State>, layer: Layer): Partial<Pick<State, "filter" | "step">> | null {
  const filter = model.get("filter");
  const step = model.get("step");
  const steps = layer.centres.length;
  const across = layer.kind === "units" ? "filter" : "step";
  if (key === "Escape") return { step: null };
  if (key === "ArrowUp" || key === "ArrowDown") {
    return { filter: clamp(filter + (key === "ArrowUp" ? -1 : 1), 0, Math.max(layer.nFilters - 1, 0)) };
  }
  if (key !== "ArrowLeft" && key !== "ArrowRight") return null;
  const by = key === "ArrowLeft" ? -1 : 1;
  if (across === "filter") return { filter: clamp(filter + by, 0, Math.max(layer.nFilters - 1, 0)) };
  return steps ? { step: step === null ? 0 : clamp(step + by, 0, steps - 1) } : null;
}

/** Where the fixed step belongs in the input: values are read there while the pointer is elsewhere. */
function fixed(model: AnyModel<State>, layer: Layer): number | null {
  const centre = layer.centres[model.get("step") ?? -1];
  return centre === undefined || Number.isNaN(centre) ? null : centre;
}

/** The step that the pointer is at, or else the fixed one, and the input steps that it sees. */
function pointed(model: AnyModel<State>, layer: Layer, spot: Spot): { step: number | null; lo: number; hi: number } {
  const step = spot.step ?? (spot.filter === null ? model.get("step") : null);
  if (step === null || step >= layer.centres.length) return { step: null, lo: 1, hi: 0 };
  return { step, lo: layer.fields[2 * step]!, hi: layer.fields[2 * step + 1]! };
}

function draw(root: HTMLElement, el: HTMLElement, model: AnyModel<State>, layer: Layer, spot: Spot, shown: Interval) {
  const perStep = model.get("seconds_per_step");
  const { step, lo, hi } = pointed(model, layer, spot);
  for (const figure of root.querySelectorAll<HTMLElement>(TIMED)) {
    figure.tabIndex = 0;
    const isLayer = figure.classList.contains("tsw-layer");
    const isInput = figure.classList.contains("tsw-input");
    const span = step !== null && lo <= hi && isInput ? ([(lo - 0.5) * perStep, (hi + 0.5) * perStep] as Interval) : null;
    const line = isInput || layer.kind === "other" ? spot.at : step !== null ? layer.centres[step]! : null;
    overlay(figure, "tsw-span", span, shown);
    const hidden = line === null || Number.isNaN(line) || (isLayer && layer.kind !== "sequence");
    overlay(figure, "tsw-cross", hidden ? null : [line * perStep, line * perStep], shown);
  }
  tell(el, model, layer, spot);
}

/** Say in words what is pointed at. */
function tell(el: HTMLElement, model: AnyModel<State>, layer: Layer, spot: Spot) {
  const { step, lo, hi } = pointed(model, layer, spot);
  el.classList.toggle("tsw-hint", step === null && spot.filter === null);
  el.textContent = readout(model, layer, spot, step, lo, hi);
}

function readout(model: AnyModel<State>, layer: Layer, spot: Spot, step: number | null, lo: number, hi: number): string {
  const filter = spot.filter ?? model.get("filter");
  const name = `${model.get("word")} ${model.get("numbers")[filter] ?? filter}`;
  if (layer.kind === "units" && spot.filter !== null) return `${name} = ${short(layer.values[filter])}`;
  if (step === null) return hint(layer.kind);
  const value = valueText(layer.values, layer.nFilters, layer.run, step, filter);
  const seen = spanText(lo, hi, model.get("seconds_per_step"), model.get("unit"));
  return `${model.get("step_word")} ${step} ${seen} · ${name}${value}`;
}

function hint(kind: State["kind"]): string {
  if (kind === "sequence") return "Hover to read values, click to fix a step, arrow keys to walk";
  return kind === "units" ? "Hover to read values, click a bar to choose it" : "";
}

export default { render };
