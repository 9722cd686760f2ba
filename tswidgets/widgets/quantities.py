"""What can be laid as colour behind a series: attributions, a filter's activation, attention."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import activations
from tswidgets.analysis.attribution import STEPS, Attribution
from tswidgets.analysis.methods import METHODS
from tswidgets.analysis.projection import on_input
from tswidgets.inputs import SeveralInputs
from tswidgets.selection import Selection
from tswidgets.widgets.subject import Subject

Floats = NDArray[np.float32]
BACKGROUND = 64  # series that expected gradients compare with

QUANTITIES = {
    "integrated_gradients": "Integrated gradients",
    "gradient_x_input": "Gradient × input",
    "saliency": "Saliency (gradient)",
    "smooth_grad": "SmoothGrad",
    "expected_gradients": "Expected gradients",
    "deep_lift": "DeepLIFT",
    "guided_backprop": "Guided backpropagation",
    "occlusion": "Occlusion",
    "rise": "RISE",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "score_cam": "Score-CAM",
    "class_activation_map": "Class activation map",
    "filter": "Activation of the filter",
    "attention": "Attention received",
}
"""Every value of `Explorer.method`, and what the menu calls it."""
OF_LAYER = ("grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam", "class_activation_map")


@dataclass(frozen=True, eq=False)
class Found:
    """A quantity for one series.

    of : what it is, in words.
    shown : ndarray of shape (n_timesteps, n_channels), or (n_timesteps,) for all channels alike; NaN where there is no
        value.
    own : (input steps, values), each of shape (n_steps,), of a quantity that lies on a layer's steps; else None.
    attribution : what a method found; None for an activation or attention.
    """

    of: str
    shown: Floats
    own: tuple[Floats, Floats] | None = None
    attribution: Attribution | None = None


def depends_on(selection: Selection) -> tuple[Any, ...]:
    """What of a selection, beside the sample and the target, makes another quantity."""
    if selection.method == "filter":
        return selection.method, selection.layer, selection.filter
    if selection.method in (*OF_LAYER, "attention"):
        return selection.method, selection.layer
    return (selection.method,)


def finding(subject: Subject, selection: Selection, target: Any) -> Generator[tuple[int, int], None, Found]:
    """Yields (done, total) while it works, and returns the quantity; raises what the method raises."""
    if selection.method == "filter":
        return _activation(subject, selection)
    if selection.method == "attention":
        return _attention(subject, selection)
    return (yield from _attribution(subject, selection, target))


def _attribution(subject: Subject, selection: Selection, target: Any) -> Generator[tuple[int, int], None, Found]:

    method, x = selection.method, subject.samples.one(selection.sample)
    options: dict[str, Any] = {}
    if method in OF_LAYER:
        options["layer"] = selection.layer
    if method == "expected_gradients":
        options["background"] = _background(subject, selection.sample)
    if method in STEPS:
        found = yield from STEPS[method](subject.probe, x, target, **options)
    else:
        found = METHODS[method](subject.probe, x, target, **options)
    if found.timeline is None:
        return Found(QUANTITIES[method], subject.samples.drawn(found.on_input), None, found)
    return Found(
        f"{QUANTITIES[method]} of {found.layer}", found.on_input, (found.timeline.centres, found.values), found
    )


def _activation(subject: Subject, selection: Selection) -> Found:

    found = activations(subject.probe, subject.samples.batch(selection.sample), selection.layer)
    if found.timeline is None:
        _validate.nothing_to_draw(found.layer, "it has no time axis")
    tap = subject.taps[found.layer]
    values = found.values[0, :, min(selection.filter, tap.n_filters - 1)]
    shown = on_input(values, found.timeline, subject.samples.lengths[selection.sample])
    return Found(f"{tap.word} {selection.filter} of {found.layer}", shown, (found.timeline.centres, values))


def _attention(subject: Subject, selection: Selection) -> Found:
    """What each step is given of all attention: the mean over heads and over the steps that look."""

    found = subject.attention.find(selection.layer, selection.sample)
    keys, axis = found.places.keys, found.places.key_axis
    if keys is None:
        _validate.nothing_to_draw(found.layer, "it looks at steps whose place in time is not known")
    if axis != subject.axis:
        _validate.nothing_to_draw(found.layer, "it looks at steps of another time axis, in the panel 'attention'")
    if found.absent_queries.all():
        _validate.nothing_to_draw(found.layer, "every step that looks is padding")
    received = found.scores[:, ~found.absent_queries].mean(axis=(0, 1))
    shown = on_input(received, keys, subject.samples.lengths[selection.sample], ~found.absent_keys)
    return Found(f"attention received in {found.layer}", shown, (keys.centres, received))


def _background(subject: Subject, sample: int) -> Floats:
    """Series of the set, as many steps long as this one; longer ones are cut."""

    samples = subject.samples
    if isinstance(samples, SeveralInputs):
        _validate.one_input(len(samples.parts), "expected_gradients")
    length = samples.lengths[sample]
    others = [i for i, n in enumerate(samples.lengths) if n >= length and i != sample] or [sample]
    some = [others[k] for k in np.unique(np.linspace(0, len(others) - 1, BACKGROUND).astype(int))]
    rows = [np.asarray(samples.batch(i)[0][:length]) for i in some]
    return np.stack([row for row in rows if np.isfinite(row).all()] or [np.zeros_like(rows[0])])
