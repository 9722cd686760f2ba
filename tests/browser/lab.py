"""A real JupyterLab in a real Chromium, and what a person does in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.browser.kernels import FORGET, Kernels

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
CHROMIUM_FLAGS += ["--disable-background-networking", "--disable-component-update"]
KERNEL = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel"
READY = f"() => {KERNEL}?.connectionStatus === 'connected'"
RUN_IN_KERNEL = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code, store_history: false });
    let text = '', error = '';
    future.onIOPub = message => {
        if (message.header.msg_type === 'stream') text += message.content.text;
        if (message.header.msg_type === 'error') error = message.content.traceback.join('\\n');
    };
    await future.done;
    if (error) throw new Error(error);
    return text;
}"""


class Lab:
    """One Jupyter server for all tests, with settings of its own."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        settings += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
        env = {**os.environ, **{name: str(folder / name.lower()) for name in settings}, "TF_CPP_MIN_LOG_LEVEL": "3"}
        no_news = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
        no_news.mkdir(parents=True)
        (no_news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "jupyter.log").open("w")
        options = ["--no-browser", "--allow-root", f"--port={port}", f"--ServerApp.root_dir={self.notebooks}"]
        options += ["--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"]
        options += ["--expose-app-in-browser", "--JupyterNotebookApp.expose_app_in_browser=True"]
        options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        command = [sys.executable, "-m", "jupyterlab", *options]
        self._process = subprocess.Popen(command, env=env, stdout=self._log, stderr=self._log)
        self._wait(folder / "jupyter.log")
        self._kernels = Kernels(self.url)
        self._window: BrowserContext | None = None

    def _wait(self, log: Path) -> None:
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/api", timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.2)
        raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def open(
        self,
        browser: Browser,
        *cells: str,
        width: int = 1280,
        height: int = 1100,
        dark: bool = False,
        front_end: str = "doc/tree",
    ) -> Notebook:
        """A new notebook with these cells, all of them run, in JupyterLab or in what `front_end` says."""
        name = self._write(cells)
        return self.open_file(browser, name, width=width, height=height, dark=dark, front_end=front_end)

    def voila(self, browser: Browser, *cells: str, width: int = 1280, dark: bool = False) -> Page:
        """What these cells show, as Voila serves it."""
        page = self._page(browser, width, 1100)
        page.goto(f"{self.url}/voila/render/{self._write(cells)}?theme={'dark' if dark else 'light'}", timeout=120_000)
        return page

    def _page(self, browser: Browser, width: int, height: int) -> Page:
        """A tab of the one window: what JupyterLab is made of is loaded once."""
        self._window = self._window or browser.new_context()
        page = self._window.new_page()
        page.set_viewport_size({"width": width, "height": height})
        return page

    def _write(self, cells: Sequence[str]) -> str:
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        name = f"test_{time.monotonic_ns()}.ipynb"
        nbformat.write(made, self.notebooks / name)
        return name

    def open_file(
        self,
        browser: Browser,
        name: str,
        *,
        width: int = 1280,
        height: int = 1100,
        dark: bool = False,
        front_end: str = "doc/tree",
    ) -> Notebook:
        page = self._page(browser, width, height)
        session = self._kernels.lend(name)
        return Notebook(page, f"{self.url}/{front_end}/{name}?reset", self._kernels, session, dark=dark)


class Notebook:
    """An open notebook, seen and handled as a person does."""

    def __init__(self, page: Page, url: str, kernels: Kernels, session: str, *, dark: bool) -> None:
        self.page, self._kernels, self._session = page, kernels, session
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        page.wait_for_function(READY, timeout=60_000)
        self._command("apputils:change-theme", {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"})
        page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{'false' if dark else 'true'}'")
        self._command("notebook:run-all-cells")

    def _command(self, name: str, args: dict[str, Any] | None = None) -> None:
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, args or {}])

    def kernel(self, expression: str) -> Any:
        """The value of a Python expression in the kernel; arrays come as nested lists."""
        code = (
            "import json as _json, numpy as _np\n"
            f"print(_json.dumps({expression}, default=lambda a: _np.asarray(a, float).tolist()))"
        )
        return json.loads(self.page.evaluate(RUN_IN_KERNEL, code))

    def run(self, code: str) -> str:
        """Run code in the kernel, as another cell would; returns what it printed."""
        return self.page.evaluate(RUN_IN_KERNEL, code)

    def figure(self, name: str) -> Locator:
        return self.page.locator(f".tsw-{name}.tsw-figure")

    def square(self, name: str) -> Locator:
        return self.page.locator(f".tsw-{name}.tsw-square")

    def wait_for_explorer(self) -> None:
        self.figure("layer").first.wait_for(timeout=60_000)
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.tsw-figure')].length >= 3 && "
            "[...document.querySelectorAll('.tsw-figure')].every("
            "f => f.querySelector('.plotarea_events')?.getAttribute('width') > 0 && f.querySelector('.axis .tick'))",
            timeout=60_000,
        )
        self.page.locator(".tsw-span, .tsw-readout").first.wait_for(timeout=20_000)

    def drag(self, slider: str, share: float) -> None:
        """Drag a slider's handle to a share of its length: press, move in small steps, release."""
        handle, track = (
            self.page.locator(f".tsw-{slider}-slider .noUi-handle"),
            self.page.locator(f".tsw-{slider}-slider .noUi-base"),
        )
        handle.hover()  # waits until it stands still
        start, rail = handle.bounding_box(), track.bounding_box()
        y = start["y"] + start["height"] / 2
        self.page.mouse.move(start["x"] + start["width"] / 2, y)
        self.page.mouse.down()
        self.page.mouse.move(rail["x"] + share * rail["width"], y, steps=8)
        self.page.mouse.up()

    def close(self) -> None:
        """The kernel forgets and is used again, unless it is still at work."""
        idle = self.page.evaluate(f"{KERNEL}?.status === 'idle'")
        if idle:
            self.run(FORGET)
        self.page.close()
        (self._kernels.take_back if idle else self._kernels.end)(self._session)
