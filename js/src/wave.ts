// The pointer above a wave and its windows. Hovering is answered here, without the kernel; choices go to the kernel.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { TIMED, figureAt, overlay, plotArea, watchAreas, type ScaleModel } from "./figures.ts";
import { HOVER, panelOf, type Hover } from "./panel.ts";
import { clamp, floats, project, short, type Interval } from "./steps.ts";

interface State {
  scale: string;
  home: [number, number];
  unit: string;
  seconds_per_step: number;
  size: number;
  stride: number;
  n_windows: number;
  n_filters: number;
  word: string;
  folded: DataView;
  columns: DataView;
  n_columns: number;
  run: number;
  filter: number;
  sample: number;
}

/** Where the pointer is: a wave step, and where it is above them a filter, or a window's column and one of its rows. */
interface Spot {
  at: number | null;
  filter: number | null;
  column: number | null;
  row: number;
}

interface Answers {
  folded: Float32Array;
  columns: Float32Array;
}

const NOWHERE: Spot = { at: null, filter: null, column: null, row: 0 };
const DRAG = 4; // pixels that still count as a click
const PAGE = 10; // windows that a page key walks

async function render({ model, el }: RenderProps<State>) {
  el.classList.add("tsw-readout");
  el.setAttribute("aria-live", "polite");
  const scale = (await model.widget_manager.get_model(
    model.get("scale").replace("IPY_MODEL_", ""),
  )) as unknown as ScaleModel;
  const root = await panelOf(el);
  const stop = new AbortController();
  const listen = (event: string, handler: (event: any) => void) =>
    root.addEventListener(event, handler, { signal: stop.signal });
  const shown = (): Interval => [scale.get("min"), scale.get("max")];

  let answers = unpack(model);
  let spot = NOWHERE;
  const areas = watchAreas(root, () => redraw());
  let pressed: Interval = [0, 0];
  let frame = 0;
  const redraw = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      root.querySelectorAll<HTMLElement>(TIMED).forEach(areas.seen);
      draw(root, model, spot, shown());
      el.textContent = readout(model, answers, spot);
      el.classList.toggle("tsw-hint", spot.at === null);
      root.dispatchEvent(new CustomEvent<Hover>(HOVER, { detail: { at: spot.at } }));
    });
  };
  const choose = (values: Partial<Pick<State, "filter" | "sample">>) => {
    for (const [name, value] of Object.entries(values)) model.set(name as keyof State, value as never);
    model.save_changes();
    redraw();
  };

  listen("pointermove", (event: PointerEvent) => {
    const figure = figureAt(event);
    spot = figure ? spotAt(figure, event, model, answers, shown()) : NOWHERE;
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
    const here = spotAt(figure, event, model, answers, shown());
    if (here.at === null) return;
    if (here.filter !== null) choose({ filter: here.filter });
    else choose({ sample: here.column === null ? windowAround(model, here.at) : windowOf(model, here.column) });
  });
  listen("dblclick", (event: MouseEvent) => {
    if (!figureAt(event)) return;
    const [min, max] = model.get("home");
    scale.set({ min, max });
    scale.save_changes();
  });
  listen("keydown", (event: KeyboardEvent) => {
    if (!figureAt(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const walked = walk(event.key, model);
    if (!walked) return;
    choose(walked);
    event.preventDefault();
    event.stopPropagation();
  });

  root.setAttribute("data-lm-suppress-shortcuts", "true");
  const reread = () => {
    answers = unpack(model);
    redraw();
  };
  scale.on("change:min change:max", redraw);
  for (const name of ["folded", "columns"] as const) model.on(`change:${name}`, reread);
  for (const name of ["sample", "filter"] as const) model.on(`change:${name}`, redraw);
  redraw();

  return () => {
    stop.abort();
    areas.stop();
    cancelAnimationFrame(frame);
    scale.off("change:min change:max", redraw);
    for (const name of ["folded", "columns"] as const) model.off(`change:${name}`, reread);
    for (const name of ["sample", "filter"] as const) model.off(`change:${name}`, redraw);
  };
}

function unpack(model: AnyModel<State>): Answers {
  return { folded: floats(model.get("folded")), columns: floats(model.get("columns")) };
}

function spotAt(figure: HTMLElement, event: MouseEvent, model: AnyModel<State>, answers: Answers, shown: Interval): Spot {
  const area = plotArea(figure);
  if (!area || event.clientX < area.left || event.clientX > area.right) return NOWHERE;
  const time = project(event.clientX, [area.left, area.right], shown);
  const at = time / model.get("seconds_per_step");
  const across = (rows: number) =>
    clamp(Math.floor(project(event.clientY, [area.top, area.bottom], [0, rows])), 0, rows - 1);
  if (figure.classList.contains("tsw-layer")) return { ...NOWHERE, at: Math.round(at), filter: across(model.get("n_filters")) };
  if (!figure.classList.contains("tsw-windows") || !model.get("n_columns")) return { ...NOWHERE, at: Math.round(at) };
  const column = clamp(Math.round(at / (model.get("stride") * model.get("run"))), 0, model.get("n_columns") - 1);
  const rows = answers.columns.length / model.get("n_columns") || model.get("size");
  const row = across(rows);
  // A row stands for its share of the window: the wave step under the pointer lies that far behind the window's start.
  const behind = Math.round(((row + 0.5) / rows) * model.get("size") - 0.5);
  return { at: windowOf(model, column) * model.get("stride") + behind, filter: null, column, row };
}

/** The window that a column shows, or the first of them. */
function windowOf(model: AnyModel<State>, column: number): number {
  return clamp(column * model.get("run"), 0, model.get("n_windows") - 1);
}

/** The window in the middle of which a wave step lies. */
function windowAround(model: AnyModel<State>, at: number): number {
  return clamp(Math.round((at - model.get("size") / 2) / model.get("stride")), 0, model.get("n_windows") - 1);
}

/** What a key on a focused figure chooses: left and right walk through the windows, up and down through the filters. */
function walk(key: string, model: AnyModel<State>): Partial<Pick<State, "filter" | "sample">> | null {
  const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -PAGE, PageDown: PAGE }[key];
  if (by !== undefined) return { sample: clamp(model.get("sample") + by, 0, model.get("n_windows") - 1) };
  const filters = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (filters === undefined) return null;
  return { filter: clamp(model.get("filter") + filters, 0, Math.max(model.get("n_filters") - 1, 0)) };
}

function draw(root: HTMLElement, model: AnyModel<State>, spot: Spot, shown: Interval) {
  const perStep = model.get("seconds_per_step");
  const first = (spot.column === null ? model.get("sample") : windowOf(model, spot.column)) * model.get("stride");
  const window: Interval = [(first - 0.5) * perStep, (first + model.get("size") - 0.5) * perStep];
  for (const figure of root.querySelectorAll<HTMLElement>(TIMED)) {
    figure.tabIndex = 0;
    const starts = figure.classList.contains("tsw-windows");
    overlay(figure, "tsw-window", figure.classList.contains("tsw-wave") ? window : null, shown);
    const chosen = starts ? first * perStep : spot.at === null ? null : spot.at * perStep;
    overlay(figure, "tsw-cross", chosen === null ? null : [chosen, chosen], shown);
    if (starts) diagonal(figure, model, spot, shown);
  }
}

/** The places of one wave step in the windows lie on a line: each window meets it one stride earlier than the last. */
function diagonal(figure: HTMLElement, model: AnyModel<State>, spot: Spot, shown: Interval) {
  const area = plotArea(figure);
  let line = figure.querySelector<SVGSVGElement>(".tsw-diagonal");
  if (spot.at === null || !area) {
    line?.remove();
    return;
  }
  if (!line) {
    line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("class", "tsw-diagonal");
    line.setAttribute("aria-hidden", "true");
    line.append(document.createElementNS("http://www.w3.org/2000/svg", "line"));
    figure.append(line);
  }
  const frame = figure.getBoundingClientRect();
  Object.assign(line.style, {
    left: `${area.left - frame.left}px`,
    top: `${area.top - frame.top}px`,
    width: `${area.width}px`,
    height: `${area.height}px`,
  });
  const perStep = model.get("seconds_per_step");
  const x = (step: number) => String(project(step * perStep, shown, [0, area.width]));
  const ends = { x1: x(spot.at), y1: "0", x2: x(spot.at - model.get("size") + 1), y2: String(area.height) };
  for (const [name, value] of Object.entries(ends)) line.firstElementChild!.setAttribute(name, value);
}

function readout(model: AnyModel<State>, { folded, columns }: Answers, spot: Spot): string {
  if (spot.at === null) return "Hover to read values, click to choose a window or a filter, arrow keys to walk";
  const name = `${model.get("word")} ${spot.filter ?? model.get("filter")}`;
  const time = model.get("unit") ? ` (${short(spot.at * model.get("seconds_per_step"))} ${model.get("unit")})` : "";
  const where = `Wave step ${spot.at}${time}`;
  if (spot.column === null) {
    const index = spot.at * model.get("n_filters") + (spot.filter ?? model.get("filter"));
    return folded.length ? `${where} · ${name} = ${short(folded[index])} on average` : where;
  }
  const first = windowOf(model, spot.column);
  const last = Math.min(first + model.get("run"), model.get("n_windows")) - 1;
  const windows = last > first ? `strongest of windows ${first}–${last}` : `window ${first}`;
  const rows = columns.length / model.get("n_columns");
  const value = columns.length ? ` = ${short(columns[spot.column * rows + spot.row])}` : "";
  return `${where} · ${windows}, step ${spot.row} · ${name}${value}`;
}

export default { render };
