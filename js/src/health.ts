// Every layer as a row: how large its values are, how many are 0, what is wrong. A click or the arrow keys choose one.
import type { RenderProps } from "@anywidget/types";
import { panelOf } from "./panel.ts";

interface Row {
  name: string;
  kind: string;
  mark: string;
  told: string;
  spoken: string;
  wrong: boolean;
  unreal: number;
  zeros: number;
  size: number | null;
  number: string;
  from: number;
  to: number;
  cells: number;
  chosen: boolean;
}

interface State {
  layer: string;
  rows: Row[];
  cells: DataView;
  ticks: [number, string][];
  menu: string | null;
}

const BEFORE = ":pre-activation";
const FIRST = "▶"; // marks the first bad layer
const PAGE = 10; // rows that a page key walks
const SVG = "http://www.w3.org/2000/svg";

async function render({ model, el }: RenderProps<State>) {
  el.classList.add("tsw-health");
  const head = div("tsw-health-row tsw-health-head");
  const list = div("tsw-health-list");
  list.tabIndex = 0;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Layers, in the order in which the model runs them");
  list.setAttribute("data-lm-suppress-shortcuts", "true");
  head.setAttribute("aria-hidden", "true");
  el.append(head, list);
  const id = `tsw-${Math.random().toString(36).slice(2)}`;
  let items: HTMLElement[] = [];

  const refresh = () => {
    const rows = model.get("rows");
    const cells = model.get("cells");
    const ticks = model.get("ticks");
    head.replaceChildren(
      div("tsw-health-name", "Layer"),
      axis(ticks, "Size of the values"),
      div("tsw-health-zeros", "Zeros"),
      div("tsw-health-told", "What is wrong"),
    );
    head.hidden = !rows.length;
    const top = list.scrollTop;
    let at = 0;
    items = rows.map((row, i) => {
      const item = drawn(row, new Uint8Array(cells.buffer, cells.byteOffset + 2 * at, 2 * row.cells), ticks);
      at += row.cells;
      item.id = `${id}-${i}`;
      return item;
    });
    list.replaceChildren(...items);
    list.scrollTop = top; // rows that are counted on stay where they are
    choose();
  };
  const chosen = () => {
    const layer = model.get("layer").replace(BEFORE, "");
    return model.get("rows").findIndex((row) => row.chosen && row.name === layer);
  };
  const choose = () => {
    const at = chosen();
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    if (at < 0) return list.removeAttribute("aria-activedescendant");
    list.setAttribute("aria-activedescendant", items[at]!.id);
  };
  const reveal = (at: number, amid = false) => {
    const item = items[at];
    if (!item) return;
    if (amid) list.scrollTop = item.offsetTop - (list.clientHeight - item.offsetHeight) / 2;
    const [top, bottom] = [item.offsetTop, item.offsetTop + item.offsetHeight];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  };
  const follow = () => {
    choose();
    reveal(chosen());
  };
  const take = async (row: Row | undefined) => {
    if (!row?.chosen) return;
    const menu = model.get("menu");
    if (menu) { // a page without a kernel, which is turned by its own slider
      const slider = (await model.widget_manager.get_model(menu.replace("IPY_MODEL_", ""))) as any;
      const index = slider.get("_options_labels").indexOf(row.name);
      if (index >= 0) slider.set("index", index);
      return;
    }
    model.set("layer", row.name);
    model.save_changes();
  };

  list.addEventListener("click", (event) => {
    const item = (event.target as Element).closest<HTMLElement>("[role=option]");
    if (item) void take(model.get("rows")[items.indexOf(item)]);
  });
  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return list.blur();
    const at = chosen();
    const rows = model.get("rows");
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE, Home: -rows.length, End: rows.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const order = rows.map((row, i) => ({ row, i })).filter(({ row }) => row.chosen);
    const place = order.findIndex(({ i }) => i === at);
    void take(order[Math.min(Math.max(place + step, 0), order.length - 1)]?.row);
  });

  const changes = "change:rows change:cells change:ticks";
  let frame = 0;
  const later = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      refresh();
    });
  };
  model.on(changes, later);
  model.on("change:layer", follow);
  await panelOf(el);
  refresh();
  const placed = new ResizeObserver(() => {
    if (!list.clientHeight || !items.length) return;
    placed.disconnect();
    const bad = model.get("rows").findIndex((row) => row.mark === FIRST);
    reveal(bad < 0 ? chosen() : bad, true);
  });
  placed.observe(list);
  return () => {
    cancelAnimationFrame(frame);
    placed.disconnect();
    model.off(changes, later);
    model.off("change:layer", follow);
  };
}

function drawn(row: Row, cells: Uint8Array, ticks: [number, string][]): HTMLElement {
  const item = div("tsw-health-row");
  item.setAttribute("role", "option");
  item.setAttribute("aria-label", row.spoken);
  if (!row.chosen) item.setAttribute("aria-disabled", "true");
  item.classList.toggle("tsw-bad", row.wrong);
  item.title = `${row.name} · ${row.kind} · size ${row.number} · ${percent(row.zeros)} zeros${row.unreal ? ` · ${percent(row.unreal)} not finite` : ""}${row.told ? ` · ${row.told}` : ""}`;
  const name = div("tsw-health-name");
  const mark = document.createElement("b");
  mark.textContent = row.mark;
  const text = document.createElement("span");
  text.textContent = row.name;
  name.append(mark, text);
  const size = axis(ticks);
  if (row.size !== null) {
    const range = document.createElement("i");
    range.className = "tsw-health-range";
    range.style.left = `${100 * row.from}%`;
    range.style.width = `${100 * (row.to - row.from)}%`;
    const dot = document.createElement("i");
    dot.className = "tsw-health-dot";
    dot.style.left = `${100 * row.size}%`;
    size.append(range, dot);
  }
  if (row.unreal > 0) size.append(div("tsw-health-unreal", "✕"));
  const zeros = div("tsw-health-zeros");
  zeros.append(bars(cells), div("tsw-health-share", percent(row.zeros)));
  item.append(name, size, zeros, div("tsw-health-told", row.told));
  for (const part of item.children) part.setAttribute("aria-hidden", "true");
  return item;
}

/** The places of the powers of ten; with a title they are named, too. */
function axis(ticks: [number, string][], title = ""): HTMLElement {
  const made = div("tsw-health-size", title);
  for (const [place, label] of ticks) {
    const tick = document.createElement("i");
    tick.className = "tsw-health-tick";
    tick.style.left = `${100 * place}%`;
    made.append(tick);
    if (!title) continue;
    const text = document.createElement("span");
    text.textContent = label;
    text.style.left = `${100 * place}%`;
    made.append(text);
  }
  return made;
}

/** The share of zeros of each filter as a bar; of a filter that is wrong a whole bar with a dot on top. */
function bars(cells: Uint8Array): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const n = cells.length / 2;
  const paths = ["", "", ""]; // of filters that are sound, wrong because of a layer before, and wrong
  for (let i = 0; i < n; i++) {
    const [zeros, state] = [cells[2 * i]!, cells[2 * i + 1]!];
    if (state) paths[state] += `M${i} 34V100h1V34zM${i + 0.15} 0h.7V18h-.7z`;
    else if (zeros) paths[0] += `M${i} ${100 - 0.8 * zeros}V100h1V${100 - 0.8 * zeros}z`;
  }
  paths.forEach((path, state) => {
    if (!path) return;
    const made = document.createElementNS(SVG, "path");
    made.setAttribute("d", path);
    made.setAttribute("class", ["tsw-sound", "tsw-before", "tsw-wrong"][state]!);
    svg.append(made);
  });
  svg.setAttribute("viewBox", `0 0 ${Math.max(n, 1)} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  return svg;
}

/** A share in per cent, never 0 or 100 where it is not quite. */
function percent(share: number): string {
  if (share > 0 && share < 0.01) return "<1 %";
  if (share < 1 && share > 0.99) return ">99 %";
  return `${Math.round(100 * share)} %`;
}

function div(name: string, text = ""): HTMLDivElement {
  const made = document.createElement("div");
  made.className = name;
  made.textContent = text;
  return made;
}

export default { render };
