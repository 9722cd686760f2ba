// What a panel's widgets share in the browser: the element that they all live in, and where the pointer is.

export const HOVER = "tsw-hover";

/** Detail of the event HOVER on the panel: the input step under the pointer, a fraction, or null. */
export interface Hover {
  at: number | null;
}

/** The panel that a view was put into; views are made before they are put anywhere. */
export async function panelOf(el: HTMLElement): Promise<HTMLElement> {
  for (;;) {
    const root = el.closest<HTMLElement>(".tsw-panel");
    if (root) return root;
    await new Promise(requestAnimationFrame);
  }
}
