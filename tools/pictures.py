"""Takes the pictures of README and docs from the real widget in a real JupyterLab: `make pictures`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.browser.geometry import plot_area
from tests.browser.lab import CHROMIUM_FLAGS, Lab
from tools import chromium

DOCS = Path(__file__).parent.parent / "docs"
EXPLORER = """
import tswidgets as tsw
watch = tsw.datasets.watch_exercises()
names = dict(channel_names=watch.channel_names, class_names=watch.class_names)
tsw.Explorer(watch.model, watch.X, watch.y, **names, sampling_rate=watch.sampling_rate)
"""

lab = Lab(Path(tempfile.mkdtemp()))
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium.find(), args=CHROMIUM_FLAGS)
    for dark in (False, True):
        book = lab.open(browser, EXPLORER, width=1250, height=1200, dark=dark)
        book.wait_for_explorer()
        x, y, width, height = plot_area(book.figure("layer"))
        book.page.mouse.click(x + 0.4 * width, y + 0.62 * height)
        book.page.locator(".tsw-span").wait_for()
        book.page.wait_for_timeout(1000)
        book.page.locator(".tsw-explorer").screenshot(path=DOCS / f"explorer-{'dark' if dark else 'light'}.png")
        book.close()
    browser.close()
lab.close()
