// What a panel's widgets share in the browser: the element that they all live in, and where the pointer is.

export const HOVER = "tsw-hover";

/** Detail of the event HOVER on the panel: the input step under the pointer, a fraction, or null. */
export interface Hover {
  at: number | null;
}

/** Asks the panel's pointer to point at what is under the mouse elsewhere, such as in a gallery. */
export const POINT = "tsw-point";

/** Detail of the event POINT on the panel: an input step, a fraction, and a filter; null where there is none. */
export interface Point {
  at: number | null;
  filter: number | null;
}

const NARROW: [string, number][] = [["tsw-narrow", 1000], ["tsw-slim", 900]];
const marked = new WeakSet<Element>();

/**
 * Mark by classes how wide an explorer is, for the style sheet, and leave arrow keys to its menus. Container queries
 * would tell the width alone, but what is in a container and drawn out of sight (content-visibility, as in a JupyterLab
 * cell) Chromium does not lay out when it shows.
 */
function prepare(root: Element | null) {
  if (!root || marked.has(root)) return;
  marked.add(root);
  root.addEventListener("focusin", ({ target }) => leaveKeys(target as Element));
  new MutationObserver(() => dropLabels(root)).observe(root, { childList: true, subtree: true });
  dropLabels(root);
  new ResizeObserver(([entry]) => {
    for (const [name, most] of NARROW) root.classList.toggle(name, entry!.contentRect.width <= most);
  }).observe(root);
}

/** Notebook front ends take arrow keys from what is focused, unless it says itself not to: an ancestor does not count. */
function leaveKeys(focused: Element) {
  if (focused.matches("select, .noUi-handle, [contenteditable]")) focused.setAttribute("data-lm-suppress-shortcuts", "true");
}

/** bqplot moves a label along with the end of every line, also of lines that have none: an error where that is a gap. */
function dropLabels(root: Element) {
  for (const label of root.querySelectorAll(".curve_label")) label.remove();
}

/** The panel that a view was put into; views are made before they are put anywhere. */
export async function panelOf(el: HTMLElement, selector = ".tsw-panel"): Promise<HTMLElement> {
  for (;;) {
    const root = el.closest<HTMLElement>(selector);
    if (root) {
      prepare(root.closest(".tsw-explorer"));
      return root;
    }
    await new Promise(requestAnimationFrame);
  }
}
