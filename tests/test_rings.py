"""Imports go one way, inwards, and cost nothing until they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tswidgets"
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = {"_validate", "selection", "samples", "inputs", "extremes"}  # needed everywhere, and need nothing but each other
MAY_IMPORT = {
    "probe": CORE | {"probe"},
    "analysis": CORE | {"probe", "analysis"},
    "plots": {"plots", "extremes"},
    "widgets": CORE | {"probe", "analysis", "plots", "widgets"},
    "datasets": {"datasets"},
    **dict.fromkeys(CORE, CORE),
}
KNOWS_KERAS = {"probe", "analysis"}


def ring(module: str) -> str:
    """`tswidgets.widgets.views.layer` → `widgets`."""
    return [*module.split("."), ""][1]


def name_of(path: Path) -> str:
    return ".".join(["tswidgets", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


def imports(path: Path, *, module_level: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if module_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # `from tswidgets import _validate` names a module, `from tswidgets.probe import Probe` does not
            yield from (
                (f"{node.module}.{alias.name}" for alias in node.names) if node.module == "tswidgets" else [node.module]
            )


def edges() -> Iterator[tuple[str, str]]:
    for path in MODULES:
        if path == PACKAGE / "__init__.py":  # the table of contents names everything
            continue
        for target in imports(path):
            if target.split(".")[0] == "tswidgets":
                yield name_of(path), target


def test_arrows_point_inwards() -> None:
    outward = [(source, target) for source, target in edges() if ring(target) not in MAY_IMPORT[ring(source)]]
    assert not outward


def test_no_panel_imports_a_panel() -> None:
    panels = "tswidgets.widgets.panels."
    assert not [(a, b) for a, b in edges() if a.startswith(panels) and b.startswith(panels)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_keras_is_known_to_two_rings_only(path: Path) -> None:
    if ring(name_of(path)) in KNOWS_KERAS:
        return
    heavy = {target for target in imports(path, module_level=True) if target.split(".")[0] in ("keras", "tensorflow")}
    assert not heavy


def test_the_walk_sees_the_package() -> None:
    found = set(edges())
    assert ("tswidgets.widgets.subject", "tswidgets.probe") in found
    assert ("tswidgets.probe.probe", "tswidgets._validate") in found
    assert len(MODULES) > 20


def test_import_is_light_and_quick() -> None:
    code = "import sys, tswidgets; print(*sorted({'keras', 'tensorflow', 'bqplot', 'ipywidgets'} & set(sys.modules)))"
    started = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
    assert time.perf_counter() - started < 30  # a hung import; speed itself is a matter for the benchmarks


def test_every_module_fits_on_a_few_screens() -> None:
    long = {name_of(path): n for path in MODULES if (n := len(path.read_text().splitlines())) > 300}
    assert not long
