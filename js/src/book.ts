// Turns the pages of an exported explorer: every choice of its menus, without a kernel.
import type { AnyModel, RenderProps } from "@anywidget/types";
import { changesTo, open } from "./pages.ts";

interface State {
  pages: DataView;
  menus: string[];
  drag: string;
  zoom: string;
  marks: string[];
  pan_zoom: string[];
  figures: string[];
  homes: [number, number][];
}

/** A widget's model with what the widget manager itself uses to read a message of the kernel. */
interface Kept {
  constructor: { _deserialize_state(state: object, manager: unknown): Promise<Record<string, unknown>> };
  get(name: string): any;
  set(name: string | object, value?: unknown): void;
  trigger(event: string, ...values: unknown[]): void;
  on(event: string, callback: (...values: any[]) => void): void;
}

async function initialize({ model }: { model: AnyModel<State> }) {
  const find = (reference: string) =>
    model.widget_manager.get_model(reference.replace("IPY_MODEL_", "")) as unknown as Promise<Kept>;
  const all = (references: string[]) => Promise.all(references.map(find));
  const book = await open(model.get("pages"));
  const menus = await all(model.get("menus"));
  const drag = await find(model.get("drag"));
  const slider = await find(drag.get("slider"));
  const marks = await all(model.get("marks"));
  let wanted: number = slider.get("value");
  let busy = false; // with a change of our own
  let turning: Promise<void> = Promise.resolve();

  const turn = () => {
    turning = turning.then(async () => {
      const states = changesTo(book, menus.map((menu) => menu.get("index")));
      const found = await Promise.all(
        states.map(async ([id, state]) => {
          const kept = await find(id);
          return [kept, await kept.constructor._deserialize_state(state, model.widget_manager)] as const;
        }),
      );
      busy = true;
      for (const [kept, state] of found) kept.set(state);
      const changed = new Set(found.map(([kept]) => kept));
      for (const mark of marks) {
        const image = mark.get("image");
        if (changed.has(image)) mark.trigger("change:image", mark, image); // the same widget with another picture
      }
      busy = false;
      await choose();
    });
  };
  /** One filter for the slider and for what is pointed at, whichever of them was moved. */
  const choose = async () => {
    const source = await pointed();
    const here = Math.min(wanted, slider.get("max"));
    busy = true; // not while waiting: what is chosen meanwhile counts
    slider.set("value", here);
    source?.set("filter", here);
    busy = false;
  };
  const pointed = async (): Promise<Kept | null> => {
    const slicer = drag.get("slicer");
    if (!slicer) return null;
    const kept = await find(slicer);
    return kept.get("active") ? find(kept.get("source")) : null;
  };
  const follow = async () => {
    const source = await pointed();
    if (!source || followed.has(source)) return;
    followed.add(source);
    source.on("change:filter", () => {
      if (busy) return;
      wanted = source.get("filter");
      slider.set("value", wanted);
    });
  };
  const followed = new WeakSet<object>();
  for (const menu of menus) menu.on("change:index", turn);
  slider.on("change:value", () => {
    if (!busy) wanted = slider.get("value");
  });
  drag.on("change:slicer", () => void follow());
  await follow();
  const [zoom, figures, hands] = [await find(model.get("zoom")), await all(model.get("figures")), await all(model.get("pan_zoom"))];
  zoom.on("change:value", () => {
    figures.forEach((figure, i) => figure.set("interaction", zoom.get("value") ? hands[i] : null));
  });
}

/** The button that shows the whole series again; a button tells nobody but the kernel that it was pressed. */
async function render({ model, el }: RenderProps<State>) {
  while (!el.closest(".tsw-explorer")?.querySelector(".tsw-reset")) await new Promise(requestAnimationFrame);
  const hands = await Promise.all(
    model.get("pan_zoom").map((one) => model.widget_manager.get_model(one.replace("IPY_MODEL_", ""))),
  );
  el.closest(".tsw-explorer")!.querySelector(".tsw-reset")!.addEventListener("click", () => {
    hands.forEach((hand, i) => {
      const [min, max] = model.get("homes")[i]!;
      for (const scale of (hand as unknown as Kept).get("scales").x) scale.set({ min, max });
    });
  });
}

export default { initialize, render };
