"""Attributions by asking the model about the series with parts of it hidden; nothing is differentiated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.attribution import Explained, Steps, in_steps
from tswidgets.analysis.gradients import AT_ONCE
from tswidgets.analysis.standins import baselines
from tswidgets.probe.score import Target

Doubles = NDArray[np.float64]


@in_steps
def occlusion(
    model: Any,
    x: Any,
    target: Target = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    per_channel: bool = True,
    fill: Any = 0.0,
    output: int | str = 0,
) -> Steps:
    """By how much the score falls when a window of the series is hidden.

    Parameters
    ----------
    model, x, target, output : as of `saliency`
    window, stride : int, optional
        Steps that are hidden together, and steps from one window to the next. By default a twentieth of the series, and
        half a window.
    per_channel : bool
        Hide each channel by itself, or all at once: then all channels have the same values.
    fill : float, "mean" or array
        What is put in the place of what is hidden: as `baseline` of `integrated_gradients`.

    Returns
    -------
    Attribution
        `values` of shape (n_timesteps, n_channels), in units of the score: the mean fall over all windows that cover a
        step. Positive: what was hidden spoke for the target.

    Source: Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2014. Departures: the last window
    ends with the series; padding is never hidden, and a step that is hidden by zeros is not masked for it.
    """
    asked = Explained(model, x, target, output)
    n_timesteps = asked.score.absent.shape[1]
    size, step = _validate.occlusion_window(window, stride, n_timesteps)
    starts = np.unique(np.append(np.arange(0, n_timesteps - size + 1, step), n_timesteps - size))
    others = baselines(asked, fill, "fill")
    values = [np.zeros(array.shape) for array in asked.flat]
    done, total = 0, asked.n_samples * sum(1 for _ in _hidden(asked, starts, size, per_channel))
    row = sum(array[:1].nbytes for array in asked.flat)
    for i in range(asked.n_samples):
        counts = [np.zeros(array.shape[1:]) for array in asked.flat]
        for places in _some(_hidden(asked, starts, size, per_channel), max(AT_ONCE // max(row, 1), 1)):
            variants = [np.repeat(array[i : i + 1], len(places), axis=0) for array in asked.flat]
            for variant, (inputs, where) in zip(range(len(places)), places, strict=True):
                for number in inputs:
                    at = where if variants[number].ndim > 2 else where[:1]
                    variants[number][(variant, *at)] = others[number][(i, *at)]
            fall = asked.score.at[i] - asked.score.of(variants, np.full(len(places), i))
            for drop, (inputs, where) in zip(fall, places, strict=True):
                for number in inputs:
                    at = where if values[number].ndim > 2 else where[:1]
                    values[number][(i, *at)] += drop
                    counts[number][at] += 1
            done += len(places)
            yield done, total
        for value, count in zip(values, counts, strict=True):
            value[i] /= np.maximum(count, 1)
    options = {"window": window, "stride": stride, "per_channel": per_channel, "fill": fill, "output": output}
    return asked.answer("occlusion", values, options=options)


@in_steps
def rise(
    model: Any,
    x: Any,
    target: Target = None,
    *,
    n_masks: int = 1000,
    n_cells: int | None = None,
    keep: float = 0.5,
    per_channel: bool = False,
    fill: Any = 0.0,
    seed: int = 0,
    output: int | str = 0,
) -> Steps:
    """By how much the score is higher when a step is kept than on average, over series seen through random masks.

    Parameters
    ----------
    model, x, target, output : as of `saliency`
    n_masks : int
        Number of random masks.
    n_cells : int, optional
        Cells of a mask over the length of the series, each kept or hidden, with soft edges between them. By default one
        for every 16 steps, and from 4 to 32.
    keep : float
        Probability that a cell is kept.
    per_channel : bool
        A mask of its own for each channel.
    fill : float, "mean" or array
        What is hidden turns into this: as `baseline` of `integrated_gradients`.
    seed : int
        Of the masks.

    Returns
    -------
    Attribution
        `values` of shape (n_timesteps, n_channels), in units of the score; all channels alike unless `per_channel`.

    Source: Petsiuk, Das, Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018.
    Departures: the mean score is taken off, which leaves the order of steps and drops most of the noise; the score is a
    logit; hidden values turn into `fill`, and not always into 0.
    """
    n_masks, keep = _validate.at_least(n_masks, 2, "n_masks"), _validate.within(keep, 0, 1, "keep")
    asked = Explained(model, x, target, output)
    _validate.one_input(len(asked.flat), "rise")
    _validate.numbers_to_mix(asked.flat[0].dtype, "rise")
    series, others = asked.flat[0], baselines(asked, fill, "fill")[0]
    n_timesteps, n_channels = series.shape[1], int(np.prod(series.shape[2:]))
    cells = int(np.clip(n_timesteps // 16, 4, 32)) if n_cells is None else _validate.at_least(n_cells, 1, "n_cells")
    rng = np.random.default_rng(seed)
    masks = _masks(rng, n_masks, n_timesteps, min(cells, n_timesteps), keep, n_channels if per_channel else 1)
    scores, size = np.zeros((asked.n_samples, n_masks)), max(AT_ONCE // max(series[:1].nbytes, 1), 1)
    for i in range(asked.n_samples):
        for start in range(0, n_masks, size):
            part = masks[start : start + size]
            shown = np.broadcast_to(part, (len(part), n_timesteps, n_channels)).reshape(len(part), *series.shape[1:])
            variants = others[i] + (series[i] - others[i]) * shown
            scores[i, start : start + size] = asked.score.of([variants.astype(series.dtype)], np.full(len(part), i))
            yield i * n_masks + start + len(part), asked.n_samples * n_masks
    above = scores - scores.mean(axis=1, keepdims=True)
    found = np.einsum("sm,mtc->stc", above, masks) / np.maximum(masks.sum(axis=0), 1e-9)
    values = np.broadcast_to(found, (*found.shape[:2], n_channels)).reshape(series.shape)
    options = {"n_masks": n_masks, "n_cells": n_cells, "keep": keep, "per_channel": per_channel, "fill": fill}
    return asked.answer("rise", [values], options={**options, "seed": seed, "output": output})


def _hidden(asked: Explained, starts: NDArray[np.int64], size: int, per_channel: bool) -> Iterator[Any]:
    """(numbers of the inputs, index of what is hidden of each): window by window, channel by channel."""
    n_timesteps = asked.score.absent.shape[1]
    aligned = [i for i, n in enumerate(asked.score.lengths) if n == n_timesteps]
    for start in starts:
        steps = slice(start, start + size)
        if not per_channel:
            yield aligned, (steps, ...)
            continue
        for number in aligned:
            n_channels = asked.flat[number].shape[-1] if asked.flat[number].ndim > 2 else 1
            yield from (([number], (steps, ..., channel)) for channel in range(n_channels))


def _some(places: Iterator[Any], size: int) -> Iterator[list[Any]]:
    some: list[Any] = []
    for place in places:
        some.append(place)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _masks(
    rng: np.random.Generator, n_masks: int, n_timesteps: int, n_cells: int, keep: float, n_channels: int
) -> NDArray[np.float32]:
    """Random cells, drawn out to the length of the series and shifted by up to a cell: (n_masks, n_timesteps, 1 or
    n_channels), from 0 to 1."""
    cells = (rng.random((n_masks, n_cells + 2, n_channels)) < keep).astype(np.float32)
    at = (np.arange(n_timesteps) + 0.5) * n_cells / n_timesteps + rng.random((n_masks, 1))
    left = np.minimum(at.astype(int), n_cells)
    share = (at - left)[:, :, None].astype(np.float32)
    rows = np.arange(n_masks)[:, None]
    return (1 - share) * cells[rows, left] + share * cells[rows, left + 1]
