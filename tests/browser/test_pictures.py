"""The pictures of README and docs are what a person sees: `make pictures` keeps them, and a test looks whether they say
what they should.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.geometry import plot_area
from tests.browser.lab import Notebook
from tests.browser.test_explorer import until

KEPT = os.environ.get("PICTURES")  # a folder
IMPORT = "import numpy as np, keras, tswidgets as tsw"
WATCH = """
d = tsw.datasets.watch_exercises()
names = dict(channel_names=d.channel_names, class_names=d.class_names, sampling_rate=d.sampling_rate)
"""
VOWELS = """
d = tsw.datasets.japanese_vowels()
names = dict(channel_names=d.channel_names, class_names=d.class_names)
"""
SEGMENT = """
d = tsw.datasets.watch_segment()
names = dict(channel_names=d.channel_names, class_names=d.class_names, sampling_rate=d.sampling_rate)
"""
TRAINING = """
d = tsw.datasets.watch_segment(split="train")
names = dict(channel_names=d.channel_names, class_names=d.class_names, sampling_rate=d.sampling_rate)
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((400, 6)),
    keras.layers.Conv1D(16, 9, padding="same", activation="relu", name="conv"),
    keras.layers.Conv1D(16, 9, padding="same", activation="relu", name="conv_1"),
    keras.layers.Dense(1, activation="sigmoid", name="step"),
], name="watch_per_step")
model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
e = tsw.Explorer(model, d.X, d.y, **names)
e.layer, e.filter = "conv_1", 2
live = tsw.LiveCallback(e, record=True)
model.fit(d.X, d.y[..., None].astype("float32"), epochs=8, batch_size=16, verbose=0, callbacks=[live])
e.panel, e.epoch = "training", 6
e
"""
BROKEN = """
d = tsw.datasets.watch_exercises()
names = dict(channel_names=d.channel_names, class_names=d.class_names, sampling_rate=d.sampling_rate)
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((300, 6)),
    keras.layers.Conv1D(32, 9, activation="relu", name="conv"),
    keras.layers.MaxPooling1D(4, name="pool"),
    keras.layers.Conv1D(32, 9, activation="relu", bias_initializer=keras.initializers.Constant(-3), name="conv_1"),
    keras.layers.GlobalAveragePooling1D(name="average"),
    keras.layers.Dense(7, activation="softmax", name="class"),
], name="does_not_learn")
e = tsw.Explorer(model, d.X, d.y, panels=["health"], **names)
e
"""


@dataclass(frozen=True)
class Scene:
    """cells : the last shows `e`; words : what stands on the picture; ready : a Python expression that turns true."""

    cells: tuple[str, ...]
    words: tuple[str, ...]
    ready: str = "True"
    act: Callable[[Notebook], None] = lambda book: None
    width: int = 1150


def fix_a_step(book: Notebook) -> None:
    x, y, width, height = plot_area(book.figure("layer"))
    book.page.mouse.click(x + 0.4 * width, y + 0.62 * height)
    book.page.locator(".tsw-span").wait_for()


SCENES = {
    "explorer": Scene(
        (WATCH, "e = tsw.Explorer(d.model, d.X, d.y, **names)\ne"),
        ("Filter 79 of conv1d_1", "All 128 filters of conv1d_1", "labelled forward elevation"),
        act=fix_a_step,
    ),
    "gallery": Scene(
        (WATCH, "e = tsw.Explorer(d.model, d.X, d.y, panels=['activations'], **names)", "e.layer = 'activation_1'\n"
         "e.all_filters, e.unit_order = 'curves', 'similarity'\ne"),
        ("activation_1",),
    ),
    "attribution": Scene(
        (WATCH, "e = tsw.Explorer(d.model, d.X, d.y, panels=['attribution', 'maximization'], **names)\ne"),
        ("integrated gradients", "forward elevation"),
        ready="e.data()['trust'] is not None and e.data()['trust'].done == e.data()['trust'].total",
    ),
    "removal": Scene(
        ("s = tsw.datasets.sine()\ne = tsw.WindowExplorer(s.model, s.wave, window=100, horizon=1)",
         "e.panel, e.layer, e.removed = 'ablation', 'conv1d', [0, 1]\ne"),
        ("conv1d",),
        act=lambda book: book.page.get_by_role("button", name="All pairs").click(),
    ),
    "recurrent": Scene(
        (VOWELS, "e = tsw.Explorer(d.model, d.X, d.y, panels=['recurrent'], **names)\ne.unit_order = 'similarity'\ne"),
        ("lstm",),
    ),
    "labels": Scene(
        (SEGMENT, "e = tsw.Explorer(d.model, d.X, d.y, **names)",
         "e.panel, e.sample = 'steps', int(tsw.score_steps(d.model, d.X, d.y).worst[3])\ne"),
        ("missed", "false"),
    ),
    "training": Scene((TRAINING,), ("Epoch", "loss")),
    "stepper": Scene(
        (WATCH, "e = tsw.Explorer(d.model, d.X, d.y, panels=['stepper'], **names)",
         "e.layer, e.filter, e.step = 'conv1d', 17, 120\ne"),
        ("sum of 54 products", "What filter 17 lets through"),
        width=1500,
    ),
    "health": Scene((BROKEN,), ("The first bad layer is conv_1", "What to try")),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", SCENES)
def test_says_what_it_should(notebook: Callable[..., Notebook], name: str, dark: bool) -> None:
    scene = SCENES[name]
    book = notebook(IMPORT, *scene.cells, width=scene.width, height=1500, dark=dark)
    explorer = book.page.locator(".tsw-explorer")
    explorer.locator(".tsw-figure, .tsw-panel").locator("visible=true").first.wait_for(timeout=90_000)
    scene.act(book)
    until(lambda: book.kernel(f"bool({scene.ready})"), 90)
    for word in scene.words:
        explorer.get_by_text(word).locator("visible=true").first.wait_for()
    book.page.mouse.move(0, 0)
    book.page.wait_for_timeout(1500)
    picture = explorer.screenshot()
    shades = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    assert (np.median(shades) < 128) == dark
    assert len(np.unique(shades)) > 50
    if KEPT:
        (Path(KEPT) / f"{name}-{'dark' if dark else 'light'}.png").write_bytes(picture)
