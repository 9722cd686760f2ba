// What a picture changes arrives as one message and is drawn in one frame.
import type { AnyModel } from "@anywidget/types";
import { unpackStates, type Packed } from "./packed.ts";

interface Frame {
  type: string;
  states: Packed[];
}

/** A widget's model with what the widget manager itself uses to read a message of the kernel. */
interface Kept {
  constructor: { _deserialize_state(state: object, manager: unknown): Promise<object> };
  set_state(state: object): void;
}

function initialize({ model }: { model: AnyModel<{}> }) {
  const manager = model.widget_manager;
  let last: Promise<void> = Promise.resolve();
  const show = async (states: [string, Record<string, unknown>][]) => {
    const found = await Promise.all(
      states.map(async ([id, state]) => {
        const kept = (await manager.get_model(id)) as unknown as Kept;
        return [kept, await kept.constructor._deserialize_state(state, manager)] as const;
      }),
    );
    for (const [kept, state] of found) kept.set_state(state);
  };
  const heard = (content: Frame, buffers: DataView[]) => {
    if (content.type !== "frame") return;
    const states = unpackStates(content.states, buffers);
    last = last.then(() => show(states)).catch((error) => console.error("tswidgets: a picture was not shown", error));
  };
  model.on("msg:custom", heard);
  model.send({ type: "ready" });
  return () => model.off("msg:custom", heard);
}

export default { initialize };
