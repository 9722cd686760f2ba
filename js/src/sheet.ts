// Brings the style sheet to figures without a pointer.
import type { RenderProps } from "@anywidget/types";
import { panelOf } from "./panel.ts";

async function render({ el }: RenderProps) {
  await panelOf(el, ".tsw-explorer");
}

export default { render };
