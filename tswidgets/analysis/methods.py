"""Every way of attributing a score to the input, by its public name."""

from __future__ import annotations

from collections.abc import Callable

from tswidgets.analysis import backprop, cam, gradients, occlusion
from tswidgets.analysis.attribution import Attribution

METHODS: dict[str, Callable[..., Attribution]] = {
    method.__name__: method
    for method in (
        gradients.saliency,
        gradients.gradient_x_input,
        gradients.smooth_grad,
        gradients.integrated_gradients,
        gradients.expected_gradients,
        backprop.guided_backprop,
        backprop.deep_lift,
        occlusion.occlusion,
        occlusion.rise,
        cam.class_activation_map,
        cam.grad_cam,
        cam.grad_cam_plus_plus,
        cam.hires_cam,
        cam.layer_cam,
        cam.score_cam,
    )
}
