// Every filter of a layer at once. Drawn and answered here, without the kernel, which is told only what was chosen.
import type { AnyModel, RenderProps } from "@anywidget/types";
import type { ScaleModel } from "./figures.ts";
import { GAP, drawCurves, drawRows, drawUnits } from "./gallery_draw.ts";
import { ends, inSight, placeAt, scrolledTo } from "./gallery_layout.ts";
import { Page, watchLook } from "./gallery_page.ts";
import { OF_GALLERY, OF_SOURCE, lay, unpack, type Source, type State } from "./gallery_scene.ts";
import { chosenText, hintText, legendText } from "./gallery_text.ts";
import { walkSwitches } from "./grid.ts";
import { POINT, panelOf, type Point } from "./panel.ts";
import { clamp, nearest, project, type Interval } from "./steps.ts";

/** What is under the pointer: a cell, and where there is a time axis the point nearest to it. */
interface Spot {
  place: number;
  point: number | null;
}

async function render({ model, el }: RenderProps<State>) {
  const find = async (name: string) => (await model.widget_manager.get_model(name.replace("IPY_MODEL_", ""))) as unknown;
  const source = (await find(model.get("source"))) as AnyModel<Source>;
  const scale = (await find(source.get("scale"))) as ScaleModel;
  const page = new Page(el);
  const { list } = page;
  const stop = new AbortController();
  let layer = unpack(source);
  let look = page.look();
  let [width, seen] = [el.clientWidth, list.clientHeight];
  const time = (): Interval => [scale.get("min"), scale.get("max")];
  let { scene, places } = lay(layer, model, source, time(), width, seen);
  let spot: Spot | null = null;
  let legend = "";
  let [unread, stale, shown, moved, frame] = [false, false, false, true, 0];

  const isRows = () => layer.kind === "sequence" && model.get("mode") === "rows";
  const plot = (place: number): Interval => ends(place, scene.layout, isRows() ? 0 : GAP);
  const chosen = () => places[source.get("filter")] ?? null;

  const tell = () => {
    if (!shown) return;
    const [n, word, place] = [layer.n, source.get("word"), chosen()];
    const named = (at: number) => {
      const filter = scene.order[at]!;
      return chosenText(word, scene.numberOf(filter), at, n, scene.marks[filter]!);
    };
    const cross = spot?.point == null ? null : project(scene.at[spot.point]!, scene.shown, plot(spot.place));
    page.mark(scene.layout, place, spot?.place ?? null, cross);
    const name = place === null ? "" : named(place);
    page.name(`All ${n} ${word}s of the layer`, name, place ?? 0, n);
    const empty = n ? "" : hintText(layer.kind, word, layer.run, true);
    const keyed = place !== null && list.matches(":focus-visible");
    const told = spot ? named(spot.place) : keyed ? name : hintText(layer.kind, word, layer.run, !n);
    page.say(n ? told : "", !spot && !keyed, legend, empty);
  };
  const paint = () => {
    frame = 0;
    [width, seen] = [el.clientWidth, list.clientHeight];
    if (!width || !seen) return; // drawn when it is shown
    if (unread) {
      const before = layer.n;
      layer = unpack(source);
      moved ||= layer.n !== before;
    }
    unread = false;
    if (stale) ({ scene, places } = lay(layer, model, source, time(), width, seen));
    if (stale) legend = legendText(scene.marks, model.get("samples"));
    stale = false;
    if (spot && spot.place >= layer.n) spot = null;
    page.stretch(scene.layout);
    if (moved) reveal(); // to where it stands now
    moved = false;
    const scrolled = page.fit(scene.layout, list.clientWidth, seen, look.ratio);
    const cells = inSight(scene.layout, scrolled, seen);
    if (layer.kind === "units") drawUnits(page.pen, scene, cells, scrolled, look, model.get("mode") === "rows");
    else if (isRows()) drawRows(page.pen, scene, cells, scrolled, look, page.sheet);
    else drawCurves(page.pen, scene, cells, scrolled, look);
    page.time(isRows() ? time() : null, width, source.get("unit") ? `Time (${source.get("unit")})` : "Time step");
    tell();
  };
  const later = () => {
    frame ||= requestAnimationFrame(paint);
  };
  const relay = () => {
    stale = true;
    later();
  };
  const reread = () => {
    unread = true;
    relay();
  };
  const reveal = () => {
    const place = chosen();
    if (place !== null) list.scrollTop = scrolledTo(place, scene.layout, list.scrollTop, seen);
  };
  const rechosen = () => {
    moved ||= stale || chosen() === null; // it is going to be painted, or of a layer that is on its way
    if (!shown || stale) return;
    reveal();
    tell();
  };
  const reordered = () => {
    moved = true;
    relay();
  };
  const choose = (place: number, step: number | null = null) => {
    source.set("filter", scene.order[place]!);
    if (step !== null) source.set("step", step);
    source.save_changes();
  };

  const spotAt = (event: MouseEvent): Spot | null => {
    const frame = list.getBoundingClientRect();
    const x = event.clientX - frame.left;
    const place = placeAt(x, event.clientY - frame.top + list.scrollTop, scene.layout);
    if (place === null || layer.kind !== "sequence") return place === null ? null : { place, point: null };
    return { place, point: nearest(scene.at, project(clamp(x, ...plot(place)), plot(place), scene.shown)) };
  };
  const root = await panelOf(el);
  const listen = (event: string, handler: (event: any) => void) =>
    list.addEventListener(event, handler, { signal: stop.signal });
  const point = (to: Spot | null) => {
    spot = to;
    tell();
    const at = spot?.point == null ? null : scene.at[spot.point]!;
    const detail = { at, filter: spot ? scene.order[spot.place]! : null };
    root.dispatchEvent(new CustomEvent<Point>(POINT, { detail }));
  };
  listen("pointermove", (event: PointerEvent) => point(spotAt(event)));
  listen("pointerleave", () => point(null));
  listen("click", (event: MouseEvent) => {
    const here = spotAt(event);
    if (!here) return;
    list.focus({ preventScroll: true });
    const step = isRows() && here.point !== null ? nearest(layer.centres, scene.at[here.point]!) : null;
    choose(here.place, step);
  });
  listen("keydown", (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !layer.n) return;
    const page = Math.max(Math.floor(seen / scene.layout.cellHeight) - 1, 1);
    const next = walkSwitches(event.key, chosen() ?? 0, layer.n, scene.layout.columns, page);
    if (next === null && event.key !== "Escape") return;
    spot = null;
    if (next === null) list.blur();
    else choose(next);
    event.preventDefault();
    event.stopPropagation();
  });
  listen("scroll", () => {
    spot = null;
    later();
  });
  for (const event of ["focus", "blur"]) listen(event, tell);

  const recolor = () => {
    look = page.look();
    later();
  };
  const unwatch = watchLook(recolor);
  const resized = new ResizeObserver(() => {
    const before = shown;
    shown = el.clientWidth > 0;
    if (!shown) return;
    relay();
    moved ||= !before;
  });
  resized.observe(list);
  const offs: (() => void)[] = [];
  const follow = (from: Pick<AnyModel<any>, "on" | "off">, names: readonly string[], handler: () => void) => {
    for (const name of names) {
      from.on(`change:${name}`, handler);
      offs.push(() => from.off(`change:${name}`, handler));
    }
  };
  follow(source, OF_SOURCE, reread);
  follow(source, ["filter"], rechosen);
  follow(model, OF_GALLERY, relay);
  follow(model, ["mode", "order"], reordered);
  follow(scale as any, ["min", "max"], relay);
  relay();

  return () => {
    stop.abort();
    unwatch();
    resized.disconnect();
    cancelAnimationFrame(frame);
    for (const off of offs) off();
  };
}

export default { render };
