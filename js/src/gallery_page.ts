// The elements of a gallery: a list that scrolls, the canvas in it, frames above it, a time axis and lines below.
import type { Look } from "./gallery_draw.ts";
import { LEFT, RIGHT } from "./gallery_scene.ts";
import { boxOf, type Layout } from "./gallery_layout.ts";
import { project, short, type Interval } from "./steps.ts";
import { ticks } from "./ticks.ts";

let count = 0;

export class Page {
  readonly list = make("div", "tsw-gallery-list");
  readonly canvas = document.createElement("canvas");
  readonly pen = this.canvas.getContext("2d")!;
  readonly sheet = document.createElement("canvas").getContext("2d")!;
  private readonly spacer = make("div", "tsw-gallery-all");
  private readonly chosen = make("div", "tsw-gallery-chosen");
  private readonly pointed = make("div", "tsw-gallery-pointed");
  private readonly cross = make("div", "tsw-cross");
  private readonly empty = make("div", "tsw-gallery-empty");
  private readonly axis = make("div", "tsw-gallery-axis");
  private readonly told = make("div", "tsw-gallery-told");
  private readonly signs = make("div", "tsw-gallery-signs");
  private drawn = "";

  constructor(el: HTMLElement) {
    el.classList.add("tsw-gallery");
    this.list.tabIndex = 0;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("data-lm-suppress-shortcuts", "true");
    this.chosen.setAttribute("role", "option");
    this.chosen.setAttribute("aria-selected", "true");
    this.chosen.id = `tsw-gallery-chosen-${count++}`;
    this.axis.setAttribute("aria-hidden", "true");
    this.list.append(this.spacer, this.canvas, this.pointed, this.cross, this.chosen, this.empty);
    el.append(this.list, this.axis, this.told, this.signs);
  }

  /** Let all cells have room, in sight or not. */
  stretch(layout: Layout) {
    this.spacer.style.height = `${layout.height}px`;
  }

  /** Give the canvas the pixels of what is in sight, and put it there. */
  fit(layout: Layout, width: number, seen: number, ratio: number): number {
    const [w, h] = [Math.round(width * ratio), Math.round(seen * ratio)];
    if (this.canvas.width !== w) this.canvas.width = w;
    if (this.canvas.height !== h) this.canvas.height = h;
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${seen}px` });
    const scrolled = Math.min(this.list.scrollTop, Math.max(layout.height - seen, 0));
    this.canvas.style.transform = `translateY(${scrolled}px)`;
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.clearRect(0, 0, w, h);
    return scrolled;
  }

  /** Frames around the chosen cell and the one under the pointer, and a line in it at so many pixels. */
  mark(layout: Layout, chosen: number | null, pointed: number | null, cross: number | null) {
    place(this.chosen, chosen === null ? null : boxOf(chosen, layout));
    const box = pointed === null ? null : boxOf(pointed, layout);
    place(this.pointed, box);
    place(this.cross, box && cross !== null ? { ...box, left: cross, width: 1 } : null);
  }

  /** What assistive technology is told: the list, and what is chosen of it. */
  name(list: string, chosen: string, place: number, n: number) {
    put(this.list, "aria-label", list);
    put(this.chosen, "aria-label", chosen);
    put(this.chosen, "aria-posinset", String(place + 1));
    put(this.chosen, "aria-setsize", String(n));
    if (n) put(this.list, "aria-activedescendant", this.chosen.id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  say(told: string, hint: boolean, signs: string, empty: string) {
    this.told.classList.toggle("tsw-hint", hint);
    write(this.told, told);
    write(this.signs, signs);
    write(this.empty, empty);
    this.empty.hidden = !empty;
  }

  /** Numbers below rows, in the axis' own unit; none below anything else. */
  time(shown: Interval | null, width: number, title: string) {
    const now = JSON.stringify([shown, width, title]);
    if (now === this.drawn) return;
    this.drawn = now;
    this.axis.hidden = !shown;
    if (!shown) return;
    const ends: Interval = [LEFT, width - RIGHT];
    const numbers = ticks(...shown, Math.max(Math.floor((ends[1] - ends[0]) / 70), 2)).map((at) => {
      const number = make("span");
      number.textContent = short(at);
      number.style.left = `${project(at, shown, ends)}px`;
      return number;
    });
    const word = make("b");
    word.textContent = title;
    this.axis.replaceChildren(...numbers, word);
  }

  /** The colours that the page has now. */
  look(): Look {
    const shade = (name: string): string => {
      this.empty.style.color = `var(${name})`;
      return getComputedStyle(this.empty).color;
    };
    const [text, faint, line, curve] = ["--tsw-text", "--tsw-faint", "--tsw-line", "--tsw-accent"].map(shade);
    this.empty.style.color = "";
    const [curveInk, faintInk] = [this.ink(curve!), this.ink(faint!)];
    const font = getComputedStyle(this.list).fontFamily;
    const ratio = window.devicePixelRatio || 1;
    return { text: text!, faint: faint!, line: line!, curve: curve!, curveInk, faintInk, font, ratio };
  }

  /** Red, green, blue and opacity of a colour, in whatever way it is written. */
  private ink(color: string): readonly number[] {
    const { sheet } = this;
    [sheet.canvas.width, sheet.canvas.height] = [1, 1];
    sheet.fillStyle = color;
    sheet.fillRect(0, 0, 1, 1);
    return [...sheet.getImageData(0, 0, 1, 1).data];
  }
}

/** Tell of another theme of the page and of another number of pixels; returns how to stop. */
export function watchLook(changed: () => void): () => void {
  const themed = new MutationObserver(changed);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  let sharpness: MediaQueryList;
  const watch = () => {
    sharpness = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`); // is left by the next change
    sharpness.addEventListener("change", sharpen, { once: true });
  };
  const sharpen = () => {
    watch();
    changed();
  };
  watch();
  return () => {
    themed.disconnect();
    sharpness.removeEventListener("change", sharpen);
  };
}

function make(tag: string, name = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

function place(element: HTMLElement, box: { left: number; top: number; width: number; height: number } | null) {
  element.hidden = !box;
  if (!box) return;
  const { left, top, width, height } = box;
  Object.assign(element.style, { width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)` });
}

function put(element: Element, name: string, value: string) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function write(element: HTMLElement, text: string) {
  if (element.textContent !== text) element.textContent = text;
}
