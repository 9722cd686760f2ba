// The figures of a panel: which one the pointer is above, where its plot area lies, and boxes over intervals of time.
import { clamp, project, type Interval } from "./steps.ts";

/** The time scale that a panel's figures share. */
export interface ScaleModel {
  get(name: "min" | "max"): number;
  set(values: { min: number; max: number }): void;
  save_changes(): void;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
}

/** Figures whose horizontal axis is the panel's time axis; a series on a time axis of its own is apart. */
export const TIMED = ".tsw-figure:not(.tsw-apart)";

export function figureAt(event: Event): HTMLElement | null {
  return (event.target as Element).closest<HTMLElement>(TIMED);
}

export function plotArea(figure: HTMLElement): DOMRect | null {
  return figure.querySelector(".plotarea_events")?.getBoundingClientRect() ?? null;
}

/** Put a box over a time interval of a figure's plot area, or take it away. */
export function overlay(figure: HTMLElement, name: string, span: Interval | null, shown: Interval) {
  let box = figure.querySelector<HTMLElement>(`.${name}`);
  const area = plotArea(figure);
  const from = span && clamp(span[0], shown[0], shown[1]);
  const to = span && clamp(span[1], shown[0], shown[1]);
  const outside = !span || span[1] < shown[0] || span[0] > shown[1];
  if (outside || !area || from === null || to === null) {
    box?.remove();
    return;
  }
  if (!box) {
    box = document.createElement("div");
    box.className = name;
    figure.append(box);
  }
  const frame = figure.getBoundingClientRect();
  const pixels = (time: number) => project(time, shown, [area.left, area.right]) - frame.left;
  Object.assign(box.style, {
    left: `${pixels(from)}px`,
    width: `${Math.max(pixels(to) - pixels(from), 1)}px`,
    top: `${area.top - frame.top}px`,
    height: `${area.height}px`,
  });
}

/** Calls `redraw` when a figure's plot area has got another size: bqplot lays it out some time after the figure. */
export function watchAreas(root: HTMLElement, redraw: () => void): { seen(figure: HTMLElement): void; stop(): void } {
  const resized = new ResizeObserver(redraw);
  const watched = new Set<Element>();
  resized.observe(root);
  return {
    seen(figure) {
      const area = figure.querySelector(".plotarea_events");
      if (!area || watched.has(area)) return;
      watched.add(area);
      resized.observe(area);
    },
    stop: () => resized.disconnect(),
  };
}
