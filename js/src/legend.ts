// The channels of the input: a click brings channels forward, a search field finds one among many, and while the pointer
// is above a figure every channel's value at that time stands beside its name.
import type { RenderProps } from "@anywidget/types";
import { HOVER, panelOf, type Hover } from "./panel.ts";
import { floats, short } from "./steps.ts";

interface State {
  names: string[];
  styles: [string, string][];
  lifted: number[];
  series: DataView;
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
  const read = (event: Event) => {
    const at = (event as CustomEvent<Hover>).detail.at;
    const series = at === null ? null : floats(model.get("series"));
    rows.forEach((button, channel) => {
      const value = series ? series[Math.round(at!) * rows.length + channel] : undefined;
      button.lastElementChild!.textContent = short(value);
    });
  };
  model.on("change:lifted", show);
  show();
  const root = await panelOf(el);
  root.addEventListener(HOVER, read);
  return () => {
    model.off("change:lifted", show);
    root.removeEventListener(HOVER, read);
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
