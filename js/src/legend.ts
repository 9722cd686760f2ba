// The channels of the input: a click brings channels forward, a search field finds one among many, and while the pointer
// is above a figure every channel's value at that time stands beside its name, and with it a quantity's, if there is one.
import type { RenderProps } from "@anywidget/types";
import { HOVER, panelOf, type Hover } from "./panel.ts";
import { floats, readings, short } from "./steps.ts";

interface State {
  names: string[];
  styles: [string, string][];
  lifted: number[];
  title: string;
  series: DataView;
  quantity: DataView;
  per_channel: boolean;
  total: boolean;
  word: string;
}

const SEARCH_FROM = 9;
const DASHES: Record<string, string> = { solid: "", dashed: "5 3", dotted: "1.5 3", dash_dotted: "5 2 1.5 2" };

async function render({ model, el }: RenderProps<State>) {
  el.classList.add("tsw-legend");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Channels");
  const names = model.get("names");
  const rows = names.map((name, channel) => row(name, channel));
  if (names.length >= SEARCH_FROM) el.append(search(rows));
  const list = document.createElement("div");
  list.className = "tsw-channels";
  list.append(...rows);
  const heading = line("tsw-columns", "", model.get("title"), "");
  const total = line("tsw-total", "", "");
  el.append(list);

  const show = () => {
    const lifted = model.get("lifted");
    rows.forEach((button, channel) => {
      button.setAttribute("aria-pressed", String(lifted.includes(channel)));
      button.classList.toggle("tsw-faded", lifted.length > 0 && !lifted.includes(channel));
    });
  };
  const lift = (lifted: number[]) => {
    model.set("lifted", lifted);
    model.save_changes();
  };
  el.addEventListener("keydown", (event) => {
    if (event.key === "Escape") lift([]);
  });
  let at: number | null = null;
  let series = floats(model.get("series"));
  let quantity = floats(model.get("quantity"));
  const read = () => {
    const step = at === null ? null : Math.round(at);
    const own = readings(series, step, rows.length);
    const read = readings(quantity, step, model.get("per_channel") ? rows.length : 1);
    rows.forEach((button, channel) => {
      const [first, second] = button.querySelectorAll("output");
      first!.textContent = short(own[channel]);
      if (second) second.textContent = valued(read.length === rows.length ? read[channel] : undefined);
    });
    heading.firstElementChild!.textContent = step === null || !own.length ? "hover to read" : `step ${step}`;
    const known = read.filter((value) => !Number.isNaN(value));
    const sum = known.reduce((all, value) => all + value, 0);
    total.lastElementChild!.textContent = valued(known.length ? sum : read.length ? NaN : undefined);
  };
  /** A second column, which stays once there was something to read in it. */
  const widen = () => {
    total.firstElementChild!.textContent = model.get("per_channel") ? "sum over channels" : "all channels";
    total.hidden = rows.length < 2 || !model.get("total");
    heading.lastElementChild!.textContent = model.get("word");
    if (!quantity.length || heading.isConnected) return;
    el.classList.add("tsw-two");
    for (const button of rows) button.append(document.createElement("output"));
    list.before(heading);
    list.after(total);
  };
  const reread = () => {
    series = floats(model.get("series"));
    quantity = floats(model.get("quantity"));
    widen();
    read();
  };
  const hover = (event: Event) => {
    at = (event as CustomEvent<Hover>).detail.at;
    read();
  };
  const changes = "change:series change:quantity change:per_channel change:total change:word";
  model.on("change:lifted", show);
  model.on(changes, reread);
  show();
  widen();
  const root = await panelOf(el);
  root.addEventListener(HOVER, hover);
  return () => {
    model.off("change:lifted", show);
    model.off(changes, reread);
    root.removeEventListener(HOVER, hover);
  };

  function row(name: string, channel: number): HTMLButtonElement {
    const button = document.createElement("button");
    const [color, style] = model.get("styles")[channel]!;
    button.type = "button";
    button.title = name;
    const label = document.createElement("span");
    label.textContent = name;
    const value = document.createElement("output");
    button.append(swatch(color, DASHES[style] ?? ""), label, value);
    button.addEventListener("click", () => {
      const lifted = model.get("lifted");
      lift(lifted.includes(channel) ? lifted.filter((other) => other !== channel) : [...lifted, channel].sort((a, b) => a - b));
    });
    return button;
  }
}

/** A value of the quantity; steps without one have none. */
function valued(value: number | undefined): string {
  return Number.isNaN(value) ? "none" : short(value);
}

function line(name: string, ...texts: string[]): HTMLDivElement {
  const made = document.createElement("div");
  made.className = name;
  for (const text of texts) {
    const part = document.createElement("span");
    part.textContent = text;
    made.append(part);
  }
  return made;
}

function swatch(color: string, dashes: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const shape = { x1: "1", x2: "21", y1: "6", y2: "6", stroke: color, "stroke-width": "2.5", "stroke-dasharray": dashes };
  for (const [name, value] of Object.entries(shape)) line.setAttribute(name, value);
  svg.setAttribute("viewBox", "0 0 22 12");
  svg.setAttribute("aria-hidden", "true");
  svg.append(line);
  return svg;
}

function search(rows: HTMLButtonElement[]): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = `Find one of ${rows.length} channels`;
  input.setAttribute("aria-label", input.placeholder);
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.title.toLowerCase().includes(wanted);
  });
  return input;
}

export default { render };
