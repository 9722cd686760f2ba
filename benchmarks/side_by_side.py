"""tswidgets beside what people use instead, as one Markdown table: `python benchmarks/side_by_side.py [--quick]`.

Instead: the way of the documents that this project began with, `keras.Model(…).predict`, matplotlib and `ipywidgets`'
`interact`, in the same page of a real JupyterLab; and xplique and tf-keras-vis, in an environment of their own that is
made when it is missing. Same model, same series, in turn, and a check in the same run that both say the same.
`--quick` takes few turns and a minute or two: a smoke test, not a measurement.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
from peers.environments import ROOT, python_with
from side_by_side_browser import in_browser
from timing import Pair

OURS = "keras", "tensorflow", "tswidgets", "bqplot", "anywidget", "ipywidgets", "jupyterlab", "matplotlib"
THEIRS = "xplique", "tf-keras-vis"
NOTES = """
Above 1, tswidgets is faster. Medians of runs in turn, and the median of their ratios. Each series is new to both, but
under the filter and layer sliders: of a sample, tswidgets has every layer from one run, and its page draws another
filter out of the values that it holds. Headless Chromium without a GPU.
"""
KERNEL_ROWS = Path(__file__).with_name("side_by_side_kernel.py")


def in_kernel(quick: bool) -> Iterator[Pair]:
    """Rows without a browser, out of the peers' environment; what it says besides is shown when it fails."""
    command = [python_with("tensorflow"), KERNEL_ROWS, *(["--quick"] if quick else [])]
    with tempfile.TemporaryFile("w+") as log:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        assert process.stdout is not None
        for line in process.stdout:
            yield Pair(*json.loads(line))
        if process.wait():
            log.seek(0)
            sys.exit(f"{KERNEL_ROWS.name} failed:\n{log.read()[-4000:]}")


def duration(milliseconds: float) -> str:
    """0.42 ms, 4.2 ms, 42 ms, 4.2 s."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.{0 if milliseconds >= 10 else 1 if milliseconds >= 1 else 2}f} ms"


def ratio(value: float) -> str:
    return f"{value:.{0 if value >= 10 else 1 if value >= 1 else 2}f}×"


def table(rows: list[Pair]) -> str:
    head = "| what | tswidgets | instead | theirs / ours | instead is | both say the same? |"
    lines = [head, "|---|--:|--:|--:|---|---|"]
    for what, ours, theirs, by, instead, agreement in rows:
        lines.append(f"| {what} | {duration(ours)} | {duration(theirs)} | {ratio(by)} | {instead} | {agreement} |")
    return "\n".join(lines)


def machine() -> str:
    """Cores, memory and system; nothing that names the machine."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory, {system}"


def all_versions() -> str:
    code = (
        "import sys, importlib.metadata as m; print(*[f'{name} {m.version(name)}' for name in sys.argv[1:]], sep=', ')"
    )
    theirs = subprocess.check_output([python_with("tensorflow"), "-c", code, *THEIRS], text=True).strip()
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in OURS), theirs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few turns: a smoke test")
    quick = parser.parse_args().quick
    python_with("tensorflow")
    rows = []
    for row in (row for source in (in_browser, in_kernel) for row in source(quick)):
        print(f"  {row.what}: {row.ours:.1f} / {row.theirs:.1f} ms, {row.agreement}", file=sys.stderr, flush=True)
        rows.append(row)
    print(f"{table(rows)}\n{NOTES}{'Too few turns to quote: --quick.' if quick else ''}")
    print(f"{all_versions()}; {machine()}.")


if __name__ == "__main__":
    main()
