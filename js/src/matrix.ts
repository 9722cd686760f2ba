// The pointer above the squares of all pairs. Hovering is answered here, without the kernel; choices go to the kernel.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { plotArea, watchAreas } from "./figures.ts";
import { cellAt, frameOf, pairOf, walkSquare, type Cell } from "./grid.ts";
import { panelOf } from "./panel.ts";
import { pairText } from "./removed.ts";
import { floats, type Interval } from "./steps.ts";

interface State {
  n: number;
  word: string;
  metric: string;
  before: number | null;
  change: DataView;
  complete: boolean;
  pair: number[];
}

const SQUARES = ".tsw-pairs, .tsw-interaction";
const SHOWN = ["word", "metric", "before", "complete", "pair"] as const;
const DRAG = 4; // pixels that still count as a click
const PAGE = 10; // rows that a page key walks
const LEAST = 7; // pixels of a frame around a cell, however small

async function render({ model, el }: RenderProps<State>) {
  el.classList.add("tsw-readout", "tsw-pair-readout");
  el.setAttribute("aria-live", "polite");
  const root = await panelOf(el);
  const stop = new AbortController();
  const listen = (event: string, handler: (event: any) => void) =>
    root.addEventListener(event, handler, { signal: stop.signal });

  let change = floats(model.get("change"));
  let spot: Cell | null = null;
  let pointed = false; // whether the spot is the pointer's, and goes when that leaves
  let pressed: Interval = [0, 0];
  let frame = 0;
  const areas = watchAreas(root, () => redraw());
  const redraw = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      const n = model.get("n");
      for (const square of root.querySelectorAll<HTMLElement>(SQUARES)) {
        areas.seen(square);
        draw(square, n, spot, chosen(model));
      }
      el.textContent = readout(model, spot, change);
      el.classList.toggle("tsw-hint", !spot && !chosen(model));
    });
  };
  const move = (to: Cell | null, byPointer: boolean) => {
    if (spot?.join() === to?.join()) return;
    [spot, pointed] = [to, byPointer];
    redraw();
  };
  const leave = () => {
    if (pointed) move(null, true);
  };
  const choose = (pair: number[]) => {
    model.set("pair", pair);
    model.save_changes();
    redraw();
  };
  const turn = (cell: Cell) => {
    const pair = pairOf(cell);
    choose(pair.join() === model.get("pair").join() ? [] : pair);
  };

  listen("pointermove", (event: PointerEvent) => {
    const cell = under(event, model.get("n"));
    if (cell) move(cell, true);
    else leave();
  });
  listen("pointerleave", leave);
  listen("pointerdown", (event: PointerEvent) => {
    pressed = [event.clientX, event.clientY];
  });
  listen("click", (event: MouseEvent) => {
    const square = squareAt(event);
    if (!square || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > DRAG) return;
    square.focus({ preventScroll: true });
    const cell = under(event, model.get("n"));
    if (cell) turn(cell);
  });
  listen("focusout", () => {
    if (!pointed) move(null, false);
  });
  listen("keydown", (event: KeyboardEvent) => {
    const square = squareAt(event);
    const n = model.get("n");
    if (!square || !n || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      move(null, false);
      choose([]);
      square.blur();
    } else if (event.key === "Enter" || event.key === " ") {
      if (spot && !event.repeat) turn(spot);
    } else {
      const from = spot ?? chosen(model);
      const to = walkSquare(event.key, from ?? [0, 0], n, PAGE);
      if (!to) return;
      move(from ? to : [0, 0], false);
    }
    event.preventDefault();
    event.stopPropagation();
  });

  root.setAttribute("data-lm-suppress-shortcuts", "true");
  const reread = () => {
    change = floats(model.get("change"));
    redraw();
  };
  const restart = () => {
    spot = null; // what lies under a pointer that rests is another pair now
    redraw();
  };
  model.on("change:change", reread);
  model.on("change:n", restart);
  for (const name of SHOWN) model.on(`change:${name}`, redraw);
  redraw();

  return () => {
    stop.abort();
    areas.stop();
    cancelAnimationFrame(frame);
    model.off("change:change", reread);
    model.off("change:n", restart);
    for (const name of SHOWN) model.off(`change:${name}`, redraw);
  };
}

function squareAt(event: Event): HTMLElement | null {
  return (event.target as Element).closest<HTMLElement>(SQUARES);
}

function under(event: MouseEvent, n: number): Cell | null {
  const square = squareAt(event);
  const area = square && plotArea(square);
  return area && cellAt(event.clientX, event.clientY, area, n);
}

/** The chosen pair's cell above the diagonal, or on it. */
function chosen(model: AnyModel<State>): Cell | null {
  const [i, j] = model.get("pair");
  return i === undefined ? null : [i, j ?? i];
}

function draw(square: HTMLElement, n: number, spot: Cell | null, pair: Cell | null) {
  square.tabIndex = 0;
  square.setAttribute("role", "application");
  const what = square.classList.contains("tsw-pairs") ? "Change by each pair" : "Interaction of each pair";
  square.setAttribute("aria-label", `${what}: arrow keys walk, enter chooses`);
  frameCell(square, "tsw-cell", spot, n);
  frameCell(square, "tsw-cell-mirror", mirror(spot), n);
  frameCell(square, "tsw-pair", pair, n);
  frameCell(square, "tsw-pair-mirror", mirror(pair), n);
}

function mirror(cell: Cell | null): Cell | null {
  return cell && cell[0] !== cell[1] ? [cell[1], cell[0]] : null;
}

/** Put a frame around a cell, or take it away. */
function frameCell(square: HTMLElement, name: string, cell: Cell | null, n: number) {
  let box = square.querySelector<HTMLElement>(`.${name}`);
  const area = plotArea(square);
  if (!cell || !area?.width || Math.max(...cell) >= n) {
    box?.remove();
    return;
  }
  if (!box) {
    box = document.createElement("div");
    box.className = name;
    square.append(box);
  }
  const outer = square.getBoundingClientRect();
  const { left, top, width, height } = frameOf(cell, n, area, LEAST);
  const place = { left: left + area.left - outer.left, top: top + area.top - outer.top, width, height };
  for (const [side, pixels] of Object.entries(place)) box.style.setProperty(side, `${pixels}px`);
}

function readout(model: AnyModel<State>, spot: Cell | null, change: Float32Array): string {
  const cell = spot ?? chosen(model);
  if (!cell) return "Hover to read values, click to remove a pair, arrow keys to walk";
  const metric = { metric: model.get("metric"), before: model.get("before") };
  return pairText(pairOf(cell), model.get("n"), model.get("word"), metric, change, model.get("complete"));
}

export default { render };
