// A pressed pointer that is drawn across something.
import type { Interval } from "./steps.ts";

/** Points from one to another, both included, no further apart than `apart`: what a quick pointer passed over. */
export function between(from: Interval, to: Interval, apart: number): Interval[] {
  const parts = Math.max(Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / apart), 1);
  return Array.from({ length: parts + 1 }, (_, i) => [
    from[0] + ((to[0] - from[0]) * i) / parts,
    from[1] + ((to[1] - from[1]) * i) / parts,
  ]);
}

/** Tell of every element that a pressed pointer passes over, until it is released or `stop` aborts. */
export function followStroke(
  pressed: PointerEvent,
  apart: number,
  pass: (element: Element | null) => void,
  end: () => void,
  stop: AbortController,
) {
  const start = pressed.target as Element;
  const tree = start.getRootNode() as Document | ShadowRoot;
  const page = start.ownerDocument;
  let at: Interval = [pressed.clientX, pressed.clientY];
  const move = (event: PointerEvent) => {
    const here: Interval = [event.clientX, event.clientY];
    for (const point of between(at, here, apart)) pass(tree.elementFromPoint(...point));
    at = here;
  };
  const release = () => {
    stop.abort();
    end();
  };
  page.addEventListener("pointermove", move, { signal: stop.signal });
  page.addEventListener("pointerup", release, { signal: stop.signal });
  page.addEventListener("pointercancel", release, { signal: stop.signal });
}
