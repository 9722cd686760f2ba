// Every filter of a layer as a switch. Switching is answered here; the kernel is told once per gesture.
import type { RenderProps } from "@anywidget/types";
import { walkSwitches } from "./grid.ts";
import { bars, refusalText, removedText, switchText } from "./removed.ts";
import { floats } from "./steps.ts";
import { followStroke } from "./stroke.ts";

interface State {
  n: number;
  word: string;
  removed: number[];
  filter: number;
  importance: DataView;
  values: DataView;
  metric: string;
  before: number | null;
  larger_is_worse: boolean;
}

const SHOWN = ["n", "word", "importance", "values", "metric", "before", "larger_is_worse"] as const;
const MOST = 4096; // more switches than that would take long to lay out
const APART = 8; // pixels between the points of a stroke at which switches are looked for, less than a switch's height
const PAGE = 5; // rows that a page key walks

function render({ model, el }: RenderProps<State>) {
  el.classList.add("tsw-switches");
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  const grid = document.createElement("div");
  grid.className = "tsw-switch-grid";
  grid.setAttribute("role", "group");
  const told = document.createElement("div");
  told.className = "tsw-told";
  told.setAttribute("aria-live", "polite");
  el.append(grid, told);

  const switches: HTMLButtonElement[] = [];
  let removed = new Set<number>();
  let importance: Float32Array = new Float32Array();
  let values: Float32Array = new Float32Array();
  let shares: Float32Array = new Float32Array();
  let chosen = model.get("filter");
  let reachable = 0; // the switch that the tab key reaches
  let pointed: number | null = null;
  let refused: number | null = null;
  let stroke: AbortController | null = null;
  let frame = 0;

  const indexOf = (target: EventTarget | null): number | null => {
    const found = (target as Element | null)?.closest?.(".tsw-switch");
    return found && grid.contains(found) ? Number(found.textContent) : null;
  };
  const tell = () => {
    const [n, word] = [model.get("n"), model.get("word")];
    const about = pointed ?? indexOf(grid.querySelector(":focus-visible"));
    told.classList.toggle("tsw-hint", refused === null && about === null && !removed.size);
    if (!n) told.textContent = "";
    else if (refused !== null) told.textContent = refusalText(refused, n, word);
    else if (about === null || n === 1) {
      told.textContent = removedText([...removed].sort(rising), n, word, switches.length);
    } else {
      const metric = { metric: model.get("metric"), before: model.get("before") };
      told.textContent = switchText(about, !removed.has(about), word, metric, values[about], importance[about]);
    }
  };
  const dress = (i: number) => {
    const button = switches[i];
    if (!button) return; // of another layer, or beyond what is shown
    const on = !removed.has(i);
    const share = shares[i] ?? 0;
    put(button, "aria-checked", String(on));
    put(button, "aria-label", `${model.get("word")} ${i}, ${on ? "on" : "off"}`);
    put(button, "style", share ? `--tsw-share: ${(100 * Math.abs(share)).toFixed(1)}%` : "");
    button.classList.toggle("tsw-better", share < 0);
    button.classList.toggle("tsw-chosen", i === chosen);
    put(button, "tabindex", i === reachable ? "0" : "-1");
  };
  const refresh = () => {
    frame = 0;
    const n = Math.min(model.get("n"), MOST);
    for (const button of switches.splice(n)) button.remove();
    const fresh = Array.from({ length: n - switches.length }, (_, i) => makeSwitch(switches.length + i));
    switches.push(...fresh);
    grid.append(...fresh);
    grid.hidden = !n;
    grid.setAttribute("aria-label", `The ${model.get("word")}s of the layer: on, or removed`);
    [importance, values] = [floats(model.get("importance")), floats(model.get("values"))];
    shares = bars(importance, model.get("larger_is_worse"));
    if (reachable >= n) reachable = 0;
    for (let i = 0; i < n; i++) dress(i);
    if (n === 1) switches[0]!.setAttribute("aria-disabled", "true");
    else switches[0]?.removeAttribute("aria-disabled");
    tell();
  };
  const later = () => {
    frame ||= requestAnimationFrame(refresh);
  };
  /** Only switches that differ are dressed anew. */
  const become = (next: number[]) => {
    const before = removed;
    removed = new Set(next);
    for (const i of before) if (!removed.has(i)) dress(i);
    for (const i of removed) if (!before.has(i)) dress(i);
    refused = null;
    tell();
  };
  const reread = () => {
    stroke?.abort();
    stroke = null;
    become(model.get("removed").filter((i) => i < model.get("n")));
  };

  const turn = (i: number, on: boolean) => {
    refused = null;
    if (on) removed.delete(i);
    else if (!removed.has(i) && removed.size >= model.get("n") - 1) refused = i;
    else removed.add(i);
    dress(i);
    tell();
  };
  const send = () => {
    const now = [...removed].sort(rising);
    const before = model.get("removed");
    if (now.length === before.length && now.every((filter, i) => filter === before[i])) return;
    const told = refused; // setting the model calls reread
    model.set("removed", now);
    model.save_changes();
    refused = told;
    tell();
  };
  const reach = (i: number) => {
    const old = reachable;
    reachable = i;
    for (const one of [old, i]) dress(one);
  };
  const focus = (i: number, options: FocusOptions = {}) => {
    reach(i);
    switches[i]!.focus(options);
  };
  const reveal = () => {
    const button = switches[chosen];
    if (!button || grid.contains(el.ownerDocument.activeElement)) return;
    const [top, bottom] = [button.offsetTop, button.offsetTop + button.offsetHeight];
    if (top < grid.scrollTop || bottom > grid.scrollTop + grid.clientHeight) {
      grid.scrollTop = (top + bottom - grid.clientHeight) / 2;
    }
  };
  const rechosen = () => {
    const old = chosen;
    chosen = model.get("filter");
    for (const one of [old, chosen]) dress(one);
    requestAnimationFrame(reveal);
  };

  grid.addEventListener("pointerdown", (event) => {
    const i = indexOf(event.target);
    if (i === null || event.button || event.pointerType === "touch") return; // a finger scrolls, or makes a click
    const on = removed.has(i); // what is crossed becomes what the first one became
    const pass = (element: Element | null) => {
      const crossed = indexOf(element);
      if (crossed !== null && removed.has(crossed) === on) turn(crossed, on);
    };
    const end = () => {
      stroke = null;
      if (!grid.contains(el.ownerDocument.activeElement)) focus(i, { preventScroll: true }); // not every browser does
      send();
    };
    followStroke(event, APART, pass, end, (stroke = new AbortController()));
    turn(i, on);
  });
  grid.addEventListener("click", (event) => {
    const i = indexOf(event.target);
    const pressed = event.detail > 0 && (event as PointerEvent).pointerType !== "touch"; // was switched at once
    if (i === null || pressed) return;
    turn(i, removed.has(i));
    send();
  });
  grid.addEventListener("keydown", (event) => {
    const i = indexOf(event.target);
    if (i === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (!removed.size) return;
      become([]);
      send();
    } else if (event.key !== "Enter" || !event.repeat) { // held down, it would flicker
      const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
      const next = walkSwitches(event.key, i, switches.length, columns, PAGE);
      if (next === null) return; // the space and enter keys click a button
      pointed = refused = null;
      focus(next);
    }
    event.preventDefault();
    event.stopPropagation();
  });
  grid.addEventListener("pointermove", (event) => {
    const i = indexOf(event.target);
    if (i === pointed) return;
    pointed = i;
    if (!stroke) refused = null;
    tell();
  });
  grid.addEventListener("pointerleave", () => {
    pointed = refused = null;
    tell();
  });
  grid.addEventListener("focusin", (event) => {
    reach(indexOf(event.target) ?? reachable);
    tell();
  });
  grid.addEventListener("focusout", () => requestAnimationFrame(tell)); // by then the page knows what has the focus

  for (const name of SHOWN) model.on(`change:${name}`, later);
  model.on("change:removed", reread);
  model.on("change:n", reread);
  model.on("change:filter", rechosen);
  reread();
  refresh();
  const placed = new ResizeObserver(() => {
    if (!grid.clientHeight) return;
    placed.disconnect();
    reveal();
  });
  placed.observe(grid);

  return () => {
    stroke?.abort();
    placed.disconnect();
    cancelAnimationFrame(frame);
    for (const name of SHOWN) model.off(`change:${name}`, later);
    model.off("change:removed", reread);
    model.off("change:n", reread);
    model.off("change:filter", rechosen);
  };
}

function makeSwitch(i: number): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tsw-switch";
  button.textContent = String(i);
  button.setAttribute("role", "switch");
  return button;
}

/** Set an attribute that differs: thousands of switches are dressed at once, and most stay as they are. */
function put(element: Element, name: string, value: string) {
  if ((element.getAttribute(name) ?? "") !== value) element.setAttribute(name, value);
}

function rising(a: number, b: number): number {
  return a - b;
}

export default { render };
