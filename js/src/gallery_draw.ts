// Draws what is in sight of a gallery, in the pixels of the screen.
import { emptyExtent, extents, ink } from "./gallery_ink.ts";
import { boxOf, type Layout } from "./gallery_layout.ts";
import { SIGNS } from "./gallery_text.ts";
import { columns, track } from "./gallery_time.ts";
import { curve, emptyLine, paint, type Values } from "./gallery_values.ts";
import { clamp, project, short, type Interval } from "./steps.ts";

/** Colours and font of the page, and how many of the screen's pixels are one of the page's. */
export interface Look {
  text: string;
  faint: string;
  line: string;
  curve: string;
  /** Red, green, blue and opacity of two of them, 0 to 255. */
  curveInk: readonly number[];
  faintInk: readonly number[];
  font: string;
  ratio: number;
}

/** All that a picture is made of. */
export interface Scene extends Values {
  /** Input step of every point, and the points in the order of time; none without a time axis. */
  at: Float32Array;
  inTime: Int32Array;
  /** How many steps two points are lowest and highest of; 1 where every step is a point. */
  run: number;
  layout: Layout;
  order: Int32Array;
  marks: Uint8Array;
  numberOf(filter: number): number;
  /** First and last input step in sight. */
  shown: Interval;
  span: Interval;
  colors: Interval;
  palette: Uint32Array;
}

export const GAP = 5; // pixels between the plots of two cells, at either side
const LABEL = 13; // pixels for a cell's number
const OVERLAP = 2; // pixels of these that a curve may take, below the number
const ROW_GAP = 1;
export const AXIS = 8; // pixels between a row and its number

/** Small curves at their places, from cell `first` up to and without `last`. */
export function drawCurves(pen: CanvasRenderingContext2D, scene: Scene, [first, last]: Interval, scrolled: number, look: Look) {
  const { layout, span, order, marks } = scene;
  const { ratio } = look;
  const width = Math.max(Math.floor((layout.cellWidth - 2 * GAP) * ratio), 1);
  const path = track(scene.at, scene.inTime, scene.shown, width);
  const [line, extent] = [emptyLine(path), emptyExtent(width)];
  const height = (layout.cellHeight - LABEL + OVERLAP - 3) * ratio;
  const plot = (i: number): [number, number] => {
    const box = boxOf(i, layout);
    return [Math.round((box.left + GAP) * ratio), Math.round((box.top - scrolled + LABEL - OVERLAP) * ratio)];
  };
  const below = (value: number) => clamp(project(value, span, [height, 0]), 0, height);
  const image = pen.createImageData(pen.canvas.width, pen.canvas.height);
  const sheet = { pixels: image.data, width: image.width, height: image.height };
  for (let i = first; i < last; i++) {
    const [filter, [left, top]] = [order[i]!, plot(i)];
    const color = marks[filter] ? look.faintInk : look.curveInk;
    ink(sheet, extents(curve(scene, filter, path, line), extent), left, (value) => top + below(value), 1.3 * ratio, color);
  }
  pen.putImageData(image, 0, 0);
  if (span[0] <= 0 && span[1] >= 0) {
    pen.globalCompositeOperation = "destination-over"; // behind the curves
    pen.fillStyle = look.line;
    for (let i = first; i < last; i++) {
      const [left, top] = plot(i);
      pen.fillRect(left, Math.round(top + below(0) - ratio / 2), width, Math.max(Math.round(ratio), 1));
    }
    pen.globalCompositeOperation = "source-over";
  }
  label(pen, scene, [first, last], scrolled, look);
}

/** Rows of colours, one pixel high in `sheet` and stretched from there. */
export function drawRows(
  pen: CanvasRenderingContext2D, scene: Scene, [first, last]: Interval, scrolled: number, look: Look, sheet: CanvasRenderingContext2D,
) {
  const { layout } = scene;
  const width = Math.max(Math.round(layout.cellWidth * look.ratio), 1);
  if (last <= first) return;
  const image = sheet.createImageData(width, last - first);
  const out = new Uint32Array(image.data.buffer);
  const which = columns(scene.at, scene.inTime, scene.shown, width, scene.run > 1);
  for (let i = first; i < last; i++) {
    paint(scene, scene.order[i]!, scene.inTime, which, scene.colors, scene.palette, out, (i - first) * width);
  }
  [sheet.canvas.width, sheet.canvas.height] = [width, last - first];
  sheet.putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  const left = Math.round(layout.left * look.ratio);
  for (let i = first; i < last; i++) {
    const { top, height } = boxOf(i, layout);
    const [from, to] = [top - scrolled, top - scrolled + height - ROW_GAP].map((y) => Math.round(y * look.ratio)) as [number, number];
    pen.drawImage(sheet.canvas, 0, i - first, width, 1, left, from, width, to - from);
  }
  label(pen, scene, [first, last], scrolled, look, true);
}

/** One cell a unit: a bar from 0 on, or a colour. */
export function drawUnits(
  pen: CanvasRenderingContext2D, scene: Scene, [first, last]: Interval, scrolled: number, look: Look, colored: boolean,
) {
  const { layout, values, span, order, colors, marks } = scene;
  const { ratio } = look;
  const out = new Uint32Array(1);
  const bytes = new Uint8Array(out.buffer);
  const [width, height] = [layout.cellWidth - 2 * GAP, layout.cellHeight - LABEL - 4];
  const at = (value: number) => project(clamp(value, ...span), span, [0, width]) * ratio;
  const roomy = layout.cellWidth > 80; // for the value beside the number
  const only = { from: new Int32Array([0]), to: new Int32Array([1]) };
  for (let i = first; i < last; i++) {
    const [box, filter] = [boxOf(i, layout), order[i]!];
    const value = values[filter]!;
    const left = Math.round((box.left + GAP) * ratio);
    const top = Math.round((box.top - scrolled + LABEL) * ratio);
    if (colored) {
      paint(scene, filter, new Int32Array([0]), only, colors, scene.palette, out, 0);
      pen.fillStyle = `rgba(${bytes[0]}, ${bytes[1]}, ${bytes[2]}, ${bytes[3]! / 255})`;
      pen.fillRect(left, top, width * ratio, height * ratio);
    } else {
      pen.fillStyle = look.curve;
      const [from, to] = [at(0), at(value)].sort((a, b) => a - b) as [number, number];
      if (Number.isFinite(value)) pen.fillRect(left + from, top, Math.max(to - from, 1), height * ratio);
    }
    pen.strokeStyle = look.line;
    pen.lineWidth = ratio;
    pen.strokeRect(left, top, width * ratio, height * ratio);
    pen.fillStyle = look.text;
    pen.font = `${11 * ratio}px ${look.font}`;
    pen.textAlign = "right";
    pen.textBaseline = "alphabetic";
    if (roomy && !marks[filter]) pen.fillText(short(value), left + width * ratio, top - 2 * ratio);
  }
  label(pen, scene, [first, last], scrolled, look);
}

/** Numbers, and signs with their words as far as there is room: above a cell, or to the left of a row. */
function label(
  pen: CanvasRenderingContext2D, scene: Scene, [first, last]: Interval, scrolled: number, look: Look, beside = false,
) {
  const { layout, order, marks } = scene;
  const { ratio } = look;
  pen.font = `${11 * ratio}px ${look.font}`;
  pen.textBaseline = beside ? "middle" : "alphabetic";
  for (let i = first; i < last; i++) {
    const [box, filter] = [boxOf(i, layout), order[i]!];
    const number = String(scene.numberOf(filter));
    const [sign, word] = SIGNS[marks[filter] ?? 0]!;
    const y = (box.top - scrolled + (beside ? box.height / 2 : LABEL - 2)) * ratio;
    pen.textAlign = beside ? "right" : "left";
    let x = (beside ? box.left - AXIS : box.left + GAP) * ratio;
    pen.fillStyle = look.faint;
    pen.fillText(number, x, y);
    if (!sign) continue;
    pen.fillStyle = look.text;
    const wide = pen.measureText(number).width + 5 * ratio;
    x += beside ? -wide : wide;
    const full = `${sign} ${word}`;
    const room = !beside && x + pen.measureText(full).width <= (box.left + box.width - GAP) * ratio;
    pen.fillText(room ? full : sign, x, y);
  }
}
