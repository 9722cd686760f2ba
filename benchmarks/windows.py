"""What folding windows onto their wave costs, against adding up the same numbers once: `python benchmarks/windows.py`.

Every pair is timed in turn in one process; the ratio is what counts, the machine is not. Needs 1.5 GB.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import compare, versions

import tswidgets as tsw

ROUNDS = 13
SHAPES = (  # windows, steps, filters, stride
    (100_000, 100, 32, 1),
    (100_000, 100, 32, 3),
    (100_000, 100, 32, 10),
    (100_000, 100, 8, 1),
    (1_000_000, 100, 1, 1),
    (20_000, 1_000, 8, 1),
    (10_000, 46, 128, 1),
)


def random(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def fold_rows() -> None:
    print("The fold, mean of float32, and `values.sum()` in milliseconds; medians of rounds in turn.\n")
    print("| windows × steps × filters | stride | what | sum | fold | fold / sum |\n|---|---|---|---|---|---|")
    for n_windows, n_steps, n_filters, stride in SHAPES:
        values = random(n_windows, n_steps, n_filters)
        shape = f"{n_windows:,} × {n_steps:,} × {n_filters}"

        def row(what: str, values: Any = values, shape: str = shape, stride: int = stride, **options: Any) -> None:
            adding, folding, ratio = compare(
                lambda i: values.sum(), lambda i: tsw.fold_windows(values, stride=stride, **options), ROUNDS, 2
            )
            print(f"| {shape} | {stride} | {what} | {adding:.1f} | {folding:.1f} | {ratio:.2f} |", flush=True)

        row("")
        if (n_steps, n_filters, stride) == (100, 8, 1):
            row("as the document", how="copy_edges")
            row("every second step of the window", time=np.arange(n_steps) * 2 + 0.5, size=2 * n_steps)
            values[:, :30] = np.nan
            row("a third is masked")


def memory_rows() -> None:
    print("\nMemory at its peak beyond the values, in MB.\n")
    print("| windows × steps × filters | values | beyond |\n|---|---|---|")
    for n_windows in (10_000, 50_000, 100_000):
        values = random(n_windows, 100, 8)
        tracemalloc.start()
        tsw.fold_windows(values)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"| {n_windows:,} × 100 × 8 | {values.nbytes / 1e6:.0f} | {peak / 1e6:.1f} |")


def copied_by_hand(answers: Any) -> Any:
    """One filter's (n_windows, n_steps) as the document folds it: rows that are filled up and put under each other."""
    by_step = answers.T
    n_steps = len(by_step)
    rows = np.empty((0, len(answers) + n_steps - 1))
    for s in range(n_steps):
        row = np.append(by_step[s], by_step[-1, s - n_steps + 1 :]) if s < n_steps - 1 else by_step[s]
        rows = np.append(rows, np.insert(row, [0] * s, by_step[0, :s])[None], axis=0)
    return rows.sum(axis=0)


def windows_by_hand(wave: Any, size: int) -> Any:
    windows = np.empty((0, size))
    for i in range(len(wave) - size):
        windows = np.append(windows, wave[i : i + size][None], axis=0)
    return windows


def by_hand_rows() -> None:
    print("\nOurs and the document's own code in milliseconds.\n")
    print("| what | ours | theirs | theirs / ours |\n|---|---|---|---|")
    answers = random(200, 100, 8)
    wave = np.sin(2 * np.pi * np.arange(2_000) / 100)

    def row(what: str, ours: Callable[[int], Any], theirs: Callable[[int], Any]) -> None:
        mine, other, ratio = compare(ours, theirs, 6, 1)
        print(f"| {what} | {mine:.3f} | {other:.1f} | {ratio:.0f} |")

    row(
        "fold of 200 windows × 100 steps × 8 filters",
        lambda i: tsw.fold_windows(answers, how="copy_edges"),
        lambda i: [copied_by_hand(answers[:, :, f]) for f in range(8)],
    )
    row(
        "windows of 100 steps of a wave of 2,000",
        lambda i: tsw.sliding_windows(wave, 100, horizon=1),
        lambda i: windows_by_hand(wave, 100),
    )


def main() -> None:
    print(versions() + f", NumPy {np.__version__}\n")
    fold_rows()
    memory_rows()
    by_hand_rows()


if __name__ == "__main__":
    main()
