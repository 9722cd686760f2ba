"""Scores of labels per step in words. Names are escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from tswidgets.analysis.agreement import Agreement, Counts
from tswidgets.widgets.text import number

MOST_NAMED, MOST_LISTED = 14, 100  # outputs whose own scores are told, and samples


def scores(sample: int, found: Agreement, counts: Counts, scored: int, n_samples: int, names: Sequence[str]) -> str:
    """Of one sample, and of all that are `scored`; of several outputs the intersection over union of each, too."""
    own, together = found.counts, counts.together
    whole = f"All {n_samples:,} samples" if scored == n_samples else f"{scored:,} of {n_samples:,} samples"
    here = _table(f"Sample {sample}", float(own.accuracy[0]), _iou(own, 0))
    everywhere = _table(whole, float(together.accuracy[0]), _iou(together, 0))
    if len(names) == 1:
        return here + everywhere
    rows = zip(names[:MOST_NAMED], together.output_iou[0], strict=False)
    nothing = "not a number" if np.isnan(together.right[0]) else "does not occur"
    each = "".join(_row(name, nothing if np.isnan(one) else number(float(one))) for name, one in rows)
    more = f"<div>and {len(names) - MOST_NAMED} more outputs</div>" if len(names) > MOST_NAMED else ""
    return f'{here}{everywhere}<h4>Intersection over union</h4><div class="tsw-ranking">{each}</div>{more}'


def worst(counts: Counts) -> list[tuple[str, int]]:
    """(words, sample) for a list, the worst first."""
    accuracy, iou, told = counts.accuracy, counts.iou, []
    for i in counts.worst[:MOST_LISTED]:
        words = f"IoU {iou[i]:.2f} · accuracy {accuracy[i]:.2f}"
        told.append((f"sample {i} · {'without a number' if np.isnan(accuracy[i]) else words}", int(i)))
    return told


def _iou(counts: Counts, row: int) -> str:
    if np.isnan(counts.right[row]):
        return "not a number"
    return "nothing to find" if np.isnan(counts.iou[row]) else number(float(counts.iou[row]))


def _table(title: str, accuracy: float, iou: str) -> str:
    rows = _row("accuracy", number(accuracy)) + _row("intersection over union", iou)
    return f'<h4>{title}</h4><div class="tsw-ranking" style="margin-bottom: 10px">{rows}</div>'


def _row(name: str, value: str) -> str:
    return f"<div>{escape(name)} <span>{value}</span></div>"
