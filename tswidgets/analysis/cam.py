"""Class activation maps: what a layer's filters at each step had to do with a score, on the input's time axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.attribution import Attribution, Explained, Steps, in_steps
from tswidgets.analysis.gradients import AT_ONCE
from tswidgets.analysis.projection import on_input
from tswidgets.probe import Probe, Tap
from tswidgets.probe.score import Target

Doubles = NDArray[np.float64]
Combine = Callable[[Doubles, Doubles, NDArray[np.bool_]], Doubles]
"""(activations, gradients, steps that are no padding) → map; (n_samples, n_steps, n_filters) → (n_samples, n_steps)."""
LIKE = 1e-4  # weights of a filter that differ less from step to step are the same
TRIED = 12  # random values that are put in a layer's place


def class_activation_map(
    model: Any, x: Any, target: Target = None, *, layer: str | None = None, output: int | str = 0
) -> Attribution:
    """The filters of the layer before global average pooling, weighted as the linear layer behind it weighs them.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_timesteps, n_channels), or (n_samples, n_timesteps, n_channels) for a batch
    target : int, tuple or ndarray of int, optional
        As of `saliency`: a class, an output step, `(step, class)`.
    layer : str, optional
        Name of a tap with a time axis. By default the last one of the model.
    output : int or str
        Number of the output, or the name of a tap: then the target is one of its filters or units.

    Returns
    -------
    Attribution
        `values` of shape (n_steps,), signed, on the layer's own axis; their mean over all steps that are no padding is
        the logit without its bias. `on_input` puts them at the centres of what the steps see.

    Raises
    ------
    ValueError
        If the answer is not a linear function of the layer's mean over time; if the layer has no time axis; and as of
        `saliency`.

    Source: Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning deep features for discriminative localization", 2016.
    Departures: the weights are found as gradients, so that any way of writing the model will do; that the answer is
    linear in the layer's mean is tried out on other series. The map is put on the input by receptive fields instead of
    being stretched.
    """
    asked = Explained(model, x, target, output)
    tap = _layer(asked, layer, _last)
    _is_linear_in_mean(asked, tap)

    def weighted(a: Doubles, g: Doubles, there: NDArray[np.bool_]) -> Doubles:
        return np.asarray((a * g).sum(axis=2) * there.sum(axis=1, keepdims=True))

    return _map(asked, tap, "class_activation_map", weighted, output)


def grad_cam(
    model: Any, x: Any, target: Target = None, *, layer: str | None = None, output: int | str = 0
) -> Attribution:
    """The filters of a layer, each weighted by its mean gradient over time; only what speaks for the target.

    Parameters as of `class_activation_map`, but for `layer`: by default the last convolution with what follows it step
    by step, such as its activation function; without one the last layer with a time axis.

    Returns
    -------
    Attribution
        `values` of shape (n_steps,), not negative.

    Source: Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra, "Grad-CAM", 2017. Departures: the mean is over steps that
    are no padding; the map is put on the input by receptive fields.
    """

    def weighted(a: Doubles, g: Doubles, there: NDArray[np.bool_]) -> Doubles:
        weights = g.sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, None]
        return np.maximum(np.einsum("stf,sf->st", a, weights), 0)

    asked = Explained(model, x, target, output)
    return _map(asked, _layer(asked, layer, _last_convolution), "grad_cam", weighted, output)


def grad_cam_plus_plus(
    model: Any, x: Any, target: Target = None, *, layer: str | None = None, output: int | str = 0
) -> Attribution:
    """Grad-CAM whose steps count the more, the more a filter's rise there would raise the score.

    Parameters and result as of `grad_cam`.

    Source: Chattopadhay, Sarkar, Howlader, Balasubramanian, "Grad-CAM++", 2018, in its closed form for the exponential
    of the logit. Departures as of `grad_cam`.
    """

    def weighted(a: Doubles, g: Doubles, there: NDArray[np.bool_]) -> Doubles:
        below = 2 * g**2 + a.sum(axis=1, keepdims=True) * g**3
        share = np.divide(g**2, below, out=np.zeros_like(g), where=np.abs(below) > 1e-30)
        weights = (share * np.maximum(g, 0)).sum(axis=1)
        return np.maximum(np.einsum("stf,sf->st", a, weights), 0)

    asked = Explained(model, x, target, output)
    return _map(asked, _layer(asked, layer, _last_convolution), "grad_cam_plus_plus", weighted, output)


def hires_cam(
    model: Any, x: Any, target: Target = None, *, layer: str | None = None, output: int | str = 0
) -> Attribution:
    """Activations times gradients, step by step, summed over filters: signed, and true to where the model looked.

    Parameters as of `grad_cam`; `values` may be negative.

    Source: Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations", 2020.
    """
    asked = Explained(model, x, target, output)
    tap = _layer(asked, layer, _last_convolution)
    return _map(asked, tap, "hires_cam", lambda a, g, there: np.asarray((a * g).sum(axis=2)), output)


def layer_cam(
    model: Any, x: Any, target: Target = None, *, layer: str | None = None, output: int | str = 0
) -> Attribution:
    """Activations times what is positive of their gradients, step by step: sharp in early layers, too.

    Parameters and result as of `grad_cam`.

    Source: Jiang, Zhang, Hou, Cheng, Wei, "LayerCAM: exploring hierarchical class activation maps", 2021.
    """

    def weighted(a: Doubles, g: Doubles, there: NDArray[np.bool_]) -> Doubles:
        return np.maximum((a * np.maximum(g, 0)).sum(axis=2), 0)

    asked = Explained(model, x, target, output)
    return _map(asked, _layer(asked, layer, _last_convolution), "layer_cam", weighted, output)


@in_steps
def score_cam(model: Any, x: Any, target: Target = None, *, layer: str | None = None, output: int | str = 0) -> Steps:
    """The filters of a layer, each weighted by the score of the series seen through it; without gradients.

    Parameters and result as of `grad_cam`. The series is multiplied by each filter's own map, from 0 to 1.

    Source: Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu, "Score-CAM", 2020. Departures: the score is a logit; the
    maps are put on the input by receptive fields, 0 where no step sees.
    """
    asked = Explained(model, x, target, output)
    _validate.one_input(len(asked.flat), "score_cam")
    _validate.numbers_to_mix(asked.flat[0].dtype, "score_cam")
    tap = _layer(asked, layer, _last_convolution)
    a, there = _activations(asked, tap)
    timeline = asked.probe.timelines(asked.score.lengths)[tap.name]
    assert timeline is not None
    series, n_filters, weights = asked.flat[0], a.shape[2], np.zeros((asked.n_samples, a.shape[2]))
    size = max(AT_ONCE // max(series[:1].nbytes, 1), 1)
    for i in range(asked.n_samples):
        maps = _scaled(on_input(a[i], timeline, series.shape[1], there[i]).T)
        for start in range(0, n_filters, size):
            part = maps[start : start + size]
            seen = series[i] * part.reshape(*part.shape, *[1] * (series.ndim - 2))
            weights[i, start : start + size] = asked.score.of([seen.astype(np.float32)], np.full(len(part), i))
            yield i * n_filters + start + len(part), asked.n_samples * n_filters
    shares = np.exp(weights - weights.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return _made(asked, tap, "score_cam", np.maximum(np.einsum("stf,sf->st", a, shares), 0), there, output)


def layers_with_time(probe: Probe) -> list[str]:
    """Names of the taps that a class activation map can be made of."""
    return [tap.name for tap in probe.taps if tap.kind == "sequence"]


def _map(asked: Explained, tap: Tap, method: str, combine: Combine, output: int | str) -> Attribution:
    slopes = asked.score.gradient(wrt=tap.name)
    assert slopes.point is not None
    a, there = _shown(slopes.point, slopes.mask)
    g, _ = _shown(slopes.by[0], slopes.mask)
    return _made(asked, tap, method, combine(a, g, there), there, output)


def _made(
    asked: Explained, tap: Tap, method: str, values: Doubles, there: NDArray[np.bool_], output: int | str
) -> Attribution:
    timeline, absent = asked.placing(tap.name)
    values = np.where(there, values, 0).astype(np.float32)
    placed = np.stack([on_input(one, timeline, absent.shape[1], of) for one, of in zip(values, there, strict=True)])
    return asked.made(
        method,
        values,
        np.where(absent, np.float32(0), placed),
        layer=tap.name,
        timeline=timeline,
        absent=absent,
        options={"layer": tap.name, "output": output},
    )


def _activations(asked: Explained, tap: Tap) -> tuple[Doubles, NDArray[np.bool_]]:
    seen = asked.probe.observe(asked.score.packed(asked.flat), [tap.name])
    return _shown(seen[tap.name], seen.masks.get(tap.name))


def _shown(values: NDArray[Any], mask: NDArray[np.bool_] | None) -> tuple[Doubles, NDArray[np.bool_]]:
    """A tap's values, 0 where a step is padding; and which steps are none."""
    there = np.ones(values.shape[:2], bool) if mask is None or mask.shape != values.shape[:2] else mask
    return np.where(there[:, :, None], values, 0).astype(np.float64), there


def _scaled(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row from 0 to 1 over what is seen of it, 0 where nothing is."""
    seen = np.isfinite(maps)
    low = np.where(seen, maps, np.inf).min(axis=1, keepdims=True)
    high = np.where(seen, maps, -np.inf).max(axis=1, keepdims=True)
    scaled: NDArray[np.float32] = np.divide(maps - low, high - low, out=np.zeros_like(maps), where=seen & (high > low))
    return scaled


def _layer(asked: Explained, name: str | None, default: Callable[[list[Tap]], Tap | None]) -> Tap:
    probe = asked.probe
    taps = list(probe.taps)
    sequences = [tap for tap in taps if tap.kind == "sequence"]
    if name is None:
        leading = asked.score.leading
        found = default([tap for tap in sequences if tap.name in leading])
        if found is None:
            _validate.no_time_axis(probe.model.name, "none of whose layers has one that the answer depends on", [])
        return found
    tap = next(tap for tap in taps if tap.name == probe.tap_name(name))
    if tap.kind != "sequence":
        _validate.no_time_axis(tap.name, tap.note or f"a {tap.layer_class} of units", [one.name for one in sequences])
    return tap


def _last(sequences: list[Tap]) -> Tap | None:
    several = [tap for tap in sequences if tap.shape[0] != 1]  # an average that keeps its axis has one step
    return (several or sequences)[-1] if sequences else None


def _last_convolution(sequences: list[Tap]) -> Tap | None:
    """The last convolution, with the layers behind it that keep its steps and filters: normalisation, activation."""
    last = max((i for i, tap in enumerate(sequences) if tap.family == "convolution"), default=None)
    if last is None:
        return _last([tap for tap in sequences if tap.family] or sequences)
    same = [tap.shape == sequences[last].shape and tap.family in ("convolution", "") for tap in sequences[last:]]
    return sequences[last + (same.index(False) if False in same else len(same)) - 1]


def _is_linear_in_mean(asked: Explained, tap: Tap) -> None:
    """Raise unless the score is a linear function of the layer's mean over steps that are no padding.

    It is tried out: the gradient has to be the same at all steps, and scores of random values in the layer's place, of
    either sign and of several sizes, have to be what that gradient says.
    """
    slopes = asked.score.gradient(wrt=tap.name)
    assert slopes.point is not None
    g, there = _shown(slopes.by[0], slopes.mask)
    low = np.where(there[:, :, None], g, np.inf).min(axis=1)
    high = np.where(there[:, :, None], g, -np.inf).max(axis=1)
    size = np.maximum(np.abs(low), np.abs(high)).max(axis=1, keepdims=True)
    same = (high - low <= LIKE * size).all()
    rng, scale = np.random.default_rng(0), float(np.abs(slopes.point).max()) or 1.0
    for k in range(TRIED if same else 0):
        shift = rng.normal(size=(len(g), 1, g.shape[2])) * scale * 3.0 ** (k % 3)
        other = shift + rng.normal(size=g.shape) * scale
        expected = slopes.score + ((other - slopes.point) * g).sum(axis=(1, 2))
        found = asked.score.with_values(tap.name, other.astype(np.float32))
        size = np.abs(other * g).sum(axis=(1, 2)) + np.abs(slopes.score)
        same = same and bool((np.abs(found - expected) <= LIKE * size).all())
    if not same:
        _validate.no_class_activation_map(tap.name)
