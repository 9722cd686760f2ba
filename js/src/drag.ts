// The filter slider moves what the page holds, at once; the kernel is told where the drag rests.
import type { RenderProps } from "@anywidget/types";
import { watchKernel } from "./gone.ts";

interface State {
  slider: string;
  slicer: string | null;
}

/** A model of any kind, as the page's widget manager keeps it. */
interface Other {
  comm_live?: boolean;
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(events: string, callback: () => void): void;
  off(events: string, callback: () => void): void;
}

/** The slider's own handle (noUiSlider), which tells more than its model: every move, and none of the kernel's. */
interface Handle {
  get(): string | number | (string | number)[];
  on(event: string, callback: () => void): void;
  off(event: string): void;
}

const REST = 150; // milliseconds without a move after which the kernel is told
const GRACE = 400; // milliseconds after a move for which the kernel may still answer to an earlier one

async function render({ model, el }: RenderProps<State>) {
  el.style.display = "none";
  const find = (reference: string) =>
    model.widget_manager.get_model(reference.replace("IPY_MODEL_", "")) as unknown as Promise<Other>;
  const slider = await find(model.get("slider"));
  const handle = await handleOf(el);
  let slicer: Other | null = null;
  let follower: Other | null = null; // the slicer's source, while it draws
  let wanted: number | null = null; // what the hand chose last, while the kernel may not know it yet
  let [rest, over] = [0, 0];

  const tell = () => {
    clearTimeout(rest);
    if (wanted === null || slider.get("value") === wanted) return;
    slider.set("value", wanted);
    slider.save_changes();
  };
  const moved = () => {
    if (!follower) return;
    wanted = Math.round(Number([handle.get()].flat()[0]));
    follower.set("filter", wanted);
    clearTimeout(rest);
    clearTimeout(over);
    rest = window.setTimeout(tell, REST);
    over = window.setTimeout(() => (wanted = null), GRACE);
  };
  /** Whoever reaches for something else has chosen; what was chosen here before is told at once. */
  const elsewhere = ({ target }: Event) => {
    if (wanted === null || el.parentElement?.contains(target as Node)) return;
    tell();
    wanted = null;
  };
  /** What the kernel says of an earlier place does not pull back what the hand moves. */
  const hold = () => {
    if (wanted !== null && follower && follower.get("filter") !== wanted) follower.set("filter", wanted);
  };
  const typed = () => {
    if (wanted === null && follower) follower.set("filter", slider.get("value"));
  };
  const follow = async () => {
    slicer?.off("change:active", follow);
    follower?.off("change:filter", hold);
    const reference = model.get("slicer");
    slicer = reference === null ? null : await find(reference);
    follower = slicer?.get("active") ? await find(slicer.get("source")) : null;
    slicer?.on("change:active", follow);
    follower?.on("change:filter", hold);
    // Without one the kernel draws, and is told of every move.
    if (slider.get("continuous_update") !== !follower) slider.set("continuous_update", !follower);
  };
  handle.on("slide.tsw", moved);
  const root = el.closest(".tsw-explorer");
  for (const event of ["pointerdown", "keydown"]) root?.addEventListener(event, elsewhere, { capture: true });
  slider.on("change:value", typed);
  model.on("change:slicer", follow);
  await follow();
  const stopWatching = watchKernel(slider, el);
  return () => {
    stopWatching();
    clearTimeout(rest);
    clearTimeout(over);
    handle.off(".tsw");
    for (const event of ["pointerdown", "keydown"]) root?.removeEventListener(event, elsewhere, { capture: true });
    slider.off("change:value", typed);
    model.off("change:slicer", follow);
    slicer?.off("change:active", follow);
    follower?.off("change:filter", hold);
  };
}

/** The slider stands in the same row, and is made at about the same time. */
async function handleOf(el: HTMLElement): Promise<Handle> {
  for (;;) {
    const made = el.closest(".tsw-control")?.querySelector<HTMLElement & { noUiSlider?: Handle }>(".noUi-target");
    if (made?.noUiSlider) return made.noUiSlider;
    await new Promise(requestAnimationFrame);
  }
}

export default { render };
