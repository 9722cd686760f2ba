"""What the gallery of all filters costs in the browser, measured in the page: `python benchmarks/gallery.py`.

The bundle as it is built is put into a page of a real JupyterLab, with models in place of the kernel's; every figure is
the median of several runs and has the pixels on the canvas (they are read back).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.browser.lab import CHROMIUM_FLAGS, Lab
from tools import chromium
from tswidgets.plots.colors import palette
from tswidgets.widgets.bundle import asset

ROUNDS = 15
# (what, filters, steps, mode, goal for creating it in ms, goal for updating it)
CASES = [
    ("curves", 128, 300, "curves", 60, 35),
    ("curves", 2048, 300, "curves", None, 100),
    ("curves", 128, 3000, "curves", None, None),
    ("rows", 128, 300, "rows", None, 35),
    ("rows", 2000, 3000, "rows", None, 100),
]
MOUNT = """
async ({ code, css, palette, n, steps, mode, rounds }) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  class Model {
    constructor(state, models = {}) {
      Object.assign(this, { state, handlers: {}, widget_manager: { get_model: async name => models[name] } });
    }
    get(name) { return this.state[name]; }
    on(names, handler) { for (const name of names.split(' ')) (this.handlers[name] ??= []).push(handler); }
    off() {}
    save_changes() {}
    set(name, value) {
      this.state[name] = value;
      for (const handler of this.handlers[`change:${name}`] ?? []) handler();
    }
  }
  const bytes = array => new DataView(array.buffer);
  const random = seed => {
    const values = new Float32Array(n * steps);
    for (let f = 0; f < n; f++) for (let t = 0; t < steps; t++) {
      seed = (seed * 1664525 + 1013904223) >>> 0;
      values[t * n + f] = Math.sin(t / (5 + f % 17) + f) + seed / 2 ** 32 - 0.5;
    }
    return bytes(values);
  };
  const frame = () => new Promise(requestAnimationFrame);
  const read = host => host.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1);
  const page = document.createElement('div');
  page.innerHTML = `<style>${css}</style>
    <div class="tsw-explorer"><div class="tsw-panel"><div class="tsw-figures"></div></div></div>`;
  Object.assign(page.style, { position: 'fixed', inset: '0', width: '1250px', zIndex: 1e6, background: 'white' });
  document.body.append(page);
  const figures = page.querySelector('.tsw-figures');
  const sent = [random(1), random(2)];
  const found = { created: [], updated: [], wall: [], scrolled: [], chosen: [] };
  let source, host;
  for (let i = 0; i < Math.ceil(rounds / 2); i++) {
    host?.remove();
    source = new Model({ kind: 'sequence', word: 'filter', numbers: [], n_filters: n, unit: 's', seconds_per_step: 0.02,
      centres: bytes(Float32Array.from({ length: steps }, (_, i) => i)), values: sent[0], filter: 0, step: null,
      scale: 'IPY_MODEL_scale' }, {});
    const scale = new Model({ min: -0.01, max: (steps - 0.5) * 0.02 });
    const model = new Model({ source: 'IPY_MODEL_source', mode, order: bytes(new Int32Array()), samples: 16,
      marks: bytes(new Uint8Array()), absent: bytes(new Uint8Array()), span: [-1.5, 1.5], colors: [-1.5, 1.5],
      palette: bytes(Uint8Array.from(palette)) }, { source, scale });
    await frame();
    const started = performance.now();
    host = document.createElement('div');
    figures.append(host);
    await widget.render({ model, el: host });
    while (!host.querySelector('canvas').style.transform) await frame();
    read(host);
    found.created.push(performance.now() - started);
  }
  const list = host.querySelector('.tsw-gallery-list');
  /** Milliseconds in the page for a change and for the frame that draws it, and until that frame is drawn. */
  const timed = async change => {
    let begun;
    await frame();
    requestAnimationFrame(() => { begun = performance.now(); });
    const started = performance.now();
    change();
    const changed = performance.now() - started;
    await frame();
    read(host);
    return [changed + performance.now() - begun, performance.now() - started];
  };
  for (let i = 0; i < rounds; i++) {
    await frame();
    const [work, wall] = await timed(() => source.set('values', sent[(i + 1) % 2]));
    found.updated.push(work);
    found.wall.push(wall);
    await frame();
    const before = performance.now();
    for (let k = 0; k < 100; k++) source.set('filter', k % 30);
    found.chosen.push((performance.now() - before) / 100);
    list.scrollTop = 0;
    await frame();
    await frame();
    const from = performance.now();
    list.scrollTop = 40 + 7 * i;
    await frame();
    const begun = performance.now();
    await frame();
    read(host);
    found.scrolled.push(performance.now() - from - Math.max(begun - from, 0));
  }
  page.remove();
  return found;
}
"""


def measure(page: Page, n: int, steps: int, mode: str, rounds: int = ROUNDS) -> dict[str, float]:
    """Median milliseconds to create a gallery of n filters × steps, to update it, to choose a filter in it; `first` is
    the first that was created, with code that the browser has not run yet."""
    bundle: dict[str, Any] = {"code": asset("gallery.js"), "css": asset("style.css")}
    bundle["palette"] = palette(signed=True).ravel().tolist()
    found = page.evaluate(MOUNT, {**bundle, "n": n, "steps": steps, "mode": mode, "rounds": rounds})
    return {name: statistics.median(times) for name, times in found.items()} | {"first": found["created"][0]}


def against(took: float, goal: float | None) -> str:
    return f"{took:.1f}" if goal is None else f"{took:.1f} (goal {goal}{'' if took <= goal else ', MISSED'})"


def table(page: Page) -> None:
    print("| what | pixel ratio | first created | created | updated | until it is drawn | another filter chosen |")
    print("|---|---|---|---|---|---|---|")
    ratio = page.evaluate("devicePixelRatio")
    for what, n, steps, mode, create, update in CASES:
        took = measure(page, n, steps, mode)
        print(
            f"| {what}, {n:,} × {steps:,} | {ratio} | {took['first']:.1f} | {against(took['created'], create)} | "
            f"{against(took['updated'], update)} | {took['wall']:.1f} | {took['chosen']:.3f} |"
        )


def main() -> None:
    print(
        "Milliseconds in the page, medians; `updated` is the change and its frame, without the wait for that frame.\n"
    )
    lab = Lab(Path(tempfile.mkdtemp()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=CHROMIUM_FLAGS)
        for ratio in (1, 2):
            page = browser.new_page(viewport={"width": 1600, "height": 1000}, device_scale_factor=ratio)
            page.goto(f"{lab.url}/lab?reset")
            page.locator("#jp-main-dock-panel").wait_for()
            page.wait_for_timeout(6000)  # the launcher
            table(page)
            page.close()
        browser.close()
    lab.close()


if __name__ == "__main__":
    main()
