"""One JupyterLab and one Chromium for all browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook
from tools import chromium


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.close()


@pytest.fixture
def notebook(lab: Lab, chrome: Browser) -> Iterator[Callable[..., Notebook]]:
    """open(*cells, width=, height=, dark=) → a notebook whose cells have been run; the page must not raise."""
    opened: list[Notebook] = []

    def open_notebook(*cells: str, **options: Any) -> Notebook:
        opened.append(lab.open(chrome, *cells, **options))
        return opened[-1]

    yield open_notebook
    errors = [error for one in opened for error in one.errors]
    for one in opened:
        one.close()
    assert not errors
