"""Attributions by gradients that go backwards through activation functions by rules of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tswidgets import _validate
from tswidgets.analysis.attribution import Attribution, Explained, missed
from tswidgets.analysis.standins import baselines
from tswidgets.probe.score import Target


def guided_backprop(model: Any, x: Any, target: Target = None, *, output: int | str = 0) -> Attribution:
    """The gradient by the input, without what would lower the score at any rectifier on its way back.

    Parameters and result as of `saliency`.

    Raises
    ------
    ValueError
        Beside what `saliency` raises, if the model has a rectifier that is no layer and no layer's activation function:
        in the code of a subclassed model or inside a recurrent layer. The message names it.

    Source: Springenberg, Dosovitskiy, Brox, Riedmiller, "Striving for simplicity: the all convolutional net", 2015.
    Departure: they know ReLU only; here all of its kin, from leaky ReLU to GELU, drop what is negative and then apply
    their own derivative. Beware: it shows edges of the input almost whatever the weights are (Adebayo et al. 2018).
    """
    asked = Explained(model, x, target, output)
    return asked.answer("guided_backprop", asked.score.gradient(rule="guided").by, options={"output": output})


def deep_lift(model: Any, x: Any, target: Target = None, *, baseline: Any = 0.0, output: int | str = 0) -> Attribution:
    """What each value adds to the score against a baseline, by the slope of every activation function between both.

    Parameters
    ----------
    model, x, target, output : as of `saliency`
    baseline : float, "mean" or array
        As of `integrated_gradients`.

    Returns
    -------
    Attribution
        `error` is how far the sum of the values is from the change of the score, as a share of that change: near 0 for
        dense and convolutional layers, batch normalisation, pooling and activation functions.

    Raises
    ------
    ValueError
        Beside what `saliency` raises, if the model multiplies signals with each other, as recurrent and attention
        layers do, for which there is no rule.

    Source: Shrikumar, Greenside, Kundaje, "Learning important features through propagating activation differences",
    2017: the rescale rule, without RevealCancel; at a maximum its change is shared between the series' largest step and
    the baseline's, as in Captum. Activation functions that a subclassed model calls without a layer keep their
    derivative; `error` tells what that costs.
    """
    asked = Explained(model, x, target, output)
    start, every = baselines(asked, baseline, "baseline"), np.arange(asked.n_samples)
    both = [np.concatenate(pair) for pair in zip(asked.flat, start, strict=True)]
    half = _validate.even_batch(asked.probe.batch_size or 2) // 2
    slopes = [np.zeros(array.shape, np.float32) for array in asked.flat]
    for i in every:  # one by one: the model's run is halved into series and baselines, so it cannot be cut into pieces
        pairs = [array[[i] * half + [asked.n_samples + i] * half] for array in both]
        found = asked.score.gradient(pairs, np.full(2 * half, i), rule="rescale").by
        for slope, gradient in zip(slopes, found, strict=True):
            slope[i] = gradient[0]
    values = [slope * (array - begin) for slope, array, begin in zip(slopes, asked.flat, start, strict=True)]
    error = missed(values, asked.score.at - asked.score.of(start, every))
    return asked.answer("deep_lift", values, error=error, options={"baseline": baseline, "output": output})
