"""Attributions made of gradients by the input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.attribution import Attribution, Explained, Steps, in_steps, missed
from tswidgets.analysis.standins import baselines
from tswidgets.probe.score import Target

AT_ONCE = 2**24  # bytes of variants between two places to stop


def saliency(model: Any, x: Any, target: Target = None, *, output: int | str = 0) -> Attribution:
    """The gradient of the score by every value of the input: what a small change would do.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_timesteps, n_channels), or (n_samples, n_timesteps, n_channels) for a batch
        In the model's own structure where it has several inputs.
    target : int, tuple or ndarray of int, optional
        What is explained: a class or output step, `(step, class)` for an output per step, None in a tuple for the mean
        over that axis; an array has one for each sample. By default the only number of the output, or the largest class
        of each sample.
    output : int or str
        Number of the output, or the name of a tap: then the target is one of its filters or units.

    Returns
    -------
    Attribution
        `values` of shape (n_timesteps, n_channels), signed: the change of the logit per unit of input.

    Raises
    ------
    TypeError, ValueError, IndexError
        If the model does not take x, has no such target, answers something that is not finite, or cannot be
        differentiated by its input.

    Source: Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013. Departure: the sign is kept, and
    channels are not merged by their maximum.
    """
    asked = Explained(model, x, target, output)
    gradients = asked.score.gradient().by
    return asked.answer("saliency", gradients, options={"output": output})


def gradient_x_input(model: Any, x: Any, target: Target = None, *, output: int | str = 0) -> Attribution:
    """The gradient times the input: what each value adds, if the model were linear between zero and x.

    Parameters and errors as of `saliency`; `values` are in units of the score.

    Source: Shrikumar, Greenside, Shcherbina, Kundaje, "Not just a black box", 2016.
    """
    asked = Explained(model, x, target, output)
    gradients = asked.score.gradient().by
    values = [gradient * array for gradient, array in zip(gradients, asked.flat, strict=True)]
    return asked.answer("gradient_x_input", values, options={"output": output})


@in_steps
def smooth_grad(
    model: Any,
    x: Any,
    target: Target = None,
    *,
    n_samples: int = 50,
    noise: float = 0.1,
    squared: bool = False,
    seed: int = 0,
    output: int | str = 0,
) -> Steps:
    """The mean gradient over noisy copies of the series.

    Parameters
    ----------
    model, x, target, output : as of `saliency`
    n_samples : int
        Number of copies.
    noise : float
        Standard deviation of the noise, as a share of the range of each channel in the sample.
    squared : bool
        Take the mean of the squared gradients: never negative, sharper.
    seed : int
        Of the noise: the same seed gives the same values.

    Source: Smilkov, Thorat, Kim, Viégas, Wattenberg, "SmoothGrad: removing noise by adding noise", 2017; squared:
    Hooker, Erhan, Kindermans, Kim, "A benchmark for interpretability methods", 2019. Departure: the range is that of
    each channel over the steps that are no padding, and not of the whole input, since channels have units of their own.
    """
    n_samples, noise = _validate.at_least(n_samples, 1, "n_samples"), _validate.within(noise, 0, np.inf, "noise")
    asked = Explained(model, x, target, output)
    draws = [
        np.random.default_rng(seed) for _ in range(asked.n_samples)
    ]  # a series' own, whatever else is in the batch
    sizes = [
        noise * _spread(array, there) * there for array, there in zip(asked.flat, asked.present, strict=True)
    ]  # nothing where a step is padding

    def copies(i: int, share: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [
            array[i] + size[i] * draws[i].standard_normal((len(share), *array.shape[1:]), np.float32)
            for array, size in zip(asked.flat, sizes, strict=True)
        ]

    sums = yield from _summed(asked, n_samples, copies, power=2 if squared else 1)
    options = {"n_samples": n_samples, "noise": noise, "squared": squared, "seed": seed, "output": output}
    return asked.answer("smooth_grad", [one / n_samples for one in sums], options=options)


@in_steps
def integrated_gradients(
    model: Any, x: Any, target: Target = None, *, baseline: Any = 0.0, n_steps: int = 50, output: int | str = 0
) -> Steps:
    """What each value adds to the score on a straight way from a baseline to x; the values sum to the change.

    Parameters
    ----------
    model, x, target, output : as of `saliency`
    baseline : float, "mean" or array
        Where the way begins: a number, the mean of each channel over the steps of the series itself, or an array that
        broadcasts to (n_timesteps, n_channels). Padding is the same all the way.
    n_steps : int
        Number of points on the way, at the middle of as many equal pieces.

    Returns
    -------
    Attribution
        `error` is how far the sum of the values is from the change of the score, as a share of that change.

    Source: Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017. Departure: the midpoint rule,
    which is more exact than their right end of each piece.
    """
    n_steps = _validate.at_least(n_steps, 1, "n_steps")
    asked = Explained(model, x, target, output)
    start = baselines(asked, baseline, "baseline")
    way = [array - begin for array, begin in zip(asked.flat, start, strict=True)]

    def copies(i: int, share: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [
            begin[i] + share.reshape(-1, *[1] * (begin.ndim - 1)) * step[i]
            for begin, step in zip(start, way, strict=True)
        ]

    sums = yield from _summed(asked, n_steps, copies)
    values = [one / n_steps * step for one, step in zip(sums, way, strict=True)]
    change = asked.score.at - asked.score.of(start, np.arange(asked.n_samples))
    options = {"baseline": baseline, "n_steps": n_steps, "output": output}
    return asked.answer("integrated_gradients", values, error=missed(values, change), options=options)


@in_steps
def expected_gradients(
    model: Any,
    x: Any,
    target: Target = None,
    *,
    background: Any,
    n_samples: int = 100,
    seed: int = 0,
    output: int | str = 0,
) -> Steps:
    """Integrated gradients, averaged over baselines that are drawn from real series.

    Parameters
    ----------
    model, x, target, output : as of `saliency`
    background : ndarray of shape (n_background, n_timesteps, n_channels)
        Series as the model was trained on.
    n_samples : int
        Number of draws of a background series and of a point on the way from it to x.
    seed : int
        Of the draws.

    Returns
    -------
    Attribution
        `error` compares the sum of the values with the score minus the mean score of the series that were drawn.

    Source: Erion, Janizek, Sturmfels, Lundberg, Lee, "Improving performance of deep learning models with axiomatic
    attribution priors and expected gradients", 2021. Departure: the points are spread evenly over the way, one in each
    of `n_samples` equal pieces, and each background series is drawn as often as the others, give or take one.
    """
    n_samples = _validate.at_least(n_samples, 1, "n_samples")
    asked = Explained(model, x, target, output)
    _validate.one_input(len(asked.flat), "expected_gradients")
    others = _validate.background(background, asked.flat[0].shape[1:])
    array, there = asked.flat[0], asked.present[0]
    values, start = np.zeros(array.shape, np.float64), np.zeros(asked.n_samples)
    for i in range(asked.n_samples):
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(np.resize(rng.permutation(len(others)), n_samples))
        for part in _parts(n_samples, array[i].nbytes):
            begin = np.where(np.broadcast_to(there, array.shape)[i], others[drawn[part]], array[i])
            share = ((part + rng.random(len(part))) / n_samples).astype(np.float32)
            way, of = array[i] - begin, np.full(len(part), i)
            slopes = asked.score.gradient([begin + share.reshape(-1, *[1] * (array.ndim - 1)) * way], of)
            values[i] += (slopes.by[0] * way).sum(axis=0, dtype=np.float64) / n_samples
            start[i] += asked.score.of([begin], of).sum(dtype=np.float64) / n_samples
            yield i * n_samples + int(part[-1]) + 1, asked.n_samples * n_samples
    error = missed([values], asked.score.at - start)
    options = {"background": background, "n_samples": n_samples, "seed": seed, "output": output}
    return asked.answer("expected_gradients", [values], error=error, options=options)


def _summed(asked: Explained, n_copies: int, copies: Any, power: int = 1) -> Any:
    """Sums of the gradients at `copies(i, shares)` over all shares of every sample i, one array for each input."""
    sums = [np.zeros(array.shape, np.float64) for array in asked.flat]
    row = sum(array[:1].nbytes for array in asked.flat)
    for i in range(asked.n_samples):
        for part in _parts(n_copies, row):
            share = ((part + 0.5) / n_copies).astype(np.float32)
            slopes = asked.score.gradient(copies(i, share), np.full(len(part), i))
            for total, gradient in zip(sums, slopes.by, strict=True):
                total[i] += (gradient if power == 1 else gradient**power).sum(axis=0, dtype=np.float64)
            yield i * n_copies + int(part[-1]) + 1, asked.n_samples * n_copies
    return sums


def _parts(n_rows: int, bytes_per_row: int) -> list[NDArray[np.int64]]:
    size = max(AT_ONCE // max(bytes_per_row, 1), 1)
    return [np.arange(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _spread(array: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The range of each channel of each sample over the steps that are no padding: broadcasts to the array."""
    over = tuple(range(1, array.ndim - 1)) or (1,)
    low = np.where(there, array, np.inf).min(axis=over, keepdims=True)
    high = np.where(there, array, -np.inf).max(axis=over, keepdims=True)
    return np.where(high > low, high - low, 0).astype(np.float32)
