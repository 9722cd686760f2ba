"""README and docs: every name is in the reference, every picture comes from a command, every link leads somewhere."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tswidgets as tsw
from tests.browser.test_pictures import SCENES
from tools import diagrams
from tswidgets.analysis.methods import METHODS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
REFERENCE = [directive for page in sorted((DOCS / "api").glob("*.rst")) for directive in page.read_text().splitlines()]
FUNCTIONS = [name for name in tsw.__all__ if inspect.isfunction(getattr(tsw, name))]
DRAWN = {f"{name}-{theme}.png" for name in SCENES for theme in ("light", "dark")}
DRAWN |= {f"{name}.svg" for name in diagrams.DIAGRAMS}


def documented(name: str) -> str:
    """A function's docstring, with those of what it returns and of functions that it says to be like."""
    text, returned = inspect.getdoc(getattr(tsw, name)) or "", inspect.signature(getattr(tsw, name)).return_annotation
    others = [other for other in re.findall(r"[Aa]s (?:in|of) `(\w+)`", text) if other in FUNCTIONS and other != name]
    if returned in tsw.__all__:
        text += f"\n\nReturns\n{inspect.getdoc(getattr(tsw, returned))}"
    return text + "".join(documented(other) for other in others)


def test_every_public_name_is_in_the_reference_once() -> None:
    named = [found[1] for line in REFERENCE if (found := re.match(r"\.\. auto(?:function|class):: (\w+)$", line))]
    datasets = {name for name in named if name in tsw.datasets.__all__}
    assert datasets == set(tsw.datasets.__all__)
    assert sorted(set(named) - datasets) == sorted(set(tsw.__all__) - {"datasets"})
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_shapes_parameters_and_errors(name: str) -> None:
    text = documented(name)
    for parameter in inspect.signature(getattr(tsw, name)).parameters:
        assert re.search(rf"^(.*, )?\*{{0,2}}{parameter}\b(, .*)? : ", text, re.MULTILINE), parameter
    assert re.search(r"\(n_\w+,", text), "no shape"
    assert "Raises" in text
    assert re.search(r"Returns|Yields", text)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_names_its_source_and_is_in_the_table(name: str) -> None:
    assert re.search(r"Source: .+\d{4}", inspect.getdoc(getattr(tsw, name)) or "", re.DOTALL)
    rows = [line for line in (DOCS / "methods.md").read_text().splitlines() if line.startswith("|")]
    of_it = [line for line in rows if f"<tswidgets.{name}>`" in line]
    assert len(of_it) == 1
    assert re.search(r"\(https://\S+\)", of_it[0]) or "`grad_cam`" in of_it[0]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    text = file.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text):
        if not target.startswith("https://"):
            made_from = target.replace("tutorials/", "../notebooks/").replace(".html", ".ipynb")
            assert (file.parent / target).exists() or (file.parent / made_from).exists(), target


def test_every_picture_comes_from_a_command_and_is_shown() -> None:
    kept = {path.name for path in (DOCS / "pictures").iterdir()}
    assert kept == DRAWN
    shown = "".join(page.read_text() for page in PAGES)
    assert not [name for name in sorted(kept) if f"pictures/{name}" not in shown]


def test_diagrams_are_those_that_the_command_draws(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(diagrams, "PICTURES", tmp_path)
    for name, draw in diagrams.DIAGRAMS.items():
        draw()
        assert (tmp_path / f"{name}.svg").read_text() == (DOCS / "pictures" / f"{name}.svg").read_text()


def test_docstrings_become_restructured_text() -> None:
    spec = importlib.util.spec_from_file_location("docstrings", DOCS / "docstrings.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """With the notebooks as they are; `make docs` runs them, too."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-D", "nb_execution_mode=off"]
    made = subprocess.run([*command, "-d", tmp_path / "trees", DOCS, tmp_path / "site"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    page = (tmp_path / "site" / "api" / "attribution.html").read_text()
    assert 'id="tswidgets.integrated_gradients"' in page
    assert "n_timesteps, n_channels" in page
