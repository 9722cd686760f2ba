"""How sure a model is of what it answers."""

from __future__ import annotations

import numpy as np
from keras import tree

from tswidgets.analysis.attribution import Attribution, Explained


def certainty(asked: Explained, attribution: Attribution) -> float | None:
    """From 0 at chance to 1: where the probability of the likeliest answer for a single series lies between these.

    Of a softmax over the last axis the likeliest class, of a sigmoid yes or no for the target. None where the output
    ends in neither, and where the target is a mean or within a layer.
    """
    number, x = attribution.options.get("output", 0), asked.score.packed(asked.flat)
    if isinstance(number, str):
        return None
    answers = np.asarray(asked.probe.observe(x, []).outputs[number][0], np.float64)
    logits = np.asarray(tree.flatten(asked.probe.logits(x))[number][0])
    target = attribution.target if isinstance(attribution.target, tuple) else (attribution.target,)
    at = (*target, *[0] * (answers.ndim - len(target)))
    if not answers.ndim or None in at or np.allclose(answers, logits) or answers.min() < 0 or answers.max() > 1:
        return None
    of_each = answers[at[:-1]]
    softmax = len(of_each) > 1 and abs(of_each.sum() - 1) < 1e-3
    likeliest = of_each.max() if softmax else max(of_each[at[-1]], 1 - of_each[at[-1]])
    chance = 1 / len(of_each) if softmax else 0.5
    return float((likeliest - chance) / (1 - chance))
