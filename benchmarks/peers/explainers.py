"""xplique and tf-keras-vis as their guides call them, for one class of one model: each a function of (1, T, C).

Both explain what the model that they are given returns, so they get one that returns the logits. Options are their own
defaults unless they are named here; `raw` are the numbers before they are made absolute, scaled or stretched.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.scores import CategoricalScore
from xplique.attributions import GradientInput, IntegratedGradients, Occlusion, SmoothGrad

Explain = Callable[[NDArray[Any]], NDArray[Any]]

RAW = {"gradient_modifier": None, "normalize_map": False, "keepdims": True}

# tf-keras-vis hands every model a list of inputs, which Keras 3 remarks on at every call.
warnings.filterwarnings("ignore", message="The structure of `inputs` doesn't match")


def versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("xplique", "tf-keras-vis"))


class Xplique:
    def __init__(self, logits: keras.Model, target: int) -> None:
        self._model = logits
        self._one_hot = np.eye(logits.output_shape[-1], dtype=np.float32)[[target]]

    def gradient_x_input(self) -> Explain:
        """xplique has no signed gradient; its saliency is the absolute one."""
        return self._of(GradientInput(self._model))

    def integrated_gradients(self, steps: int) -> Explain:
        """Trapezoidal rule: `steps` gradients, both ends among them."""
        return self._of(IntegratedGradients(self._model, steps=steps))

    def integrated_gradients_by_midpoints(self, steps: int) -> Explain:
        """The midpoint rule out of two trapezoidal ones, of n and of 2 n intervals: M(n) = 2 T(2 n) - T(n)."""
        coarse, fine = self.integrated_gradients(steps + 1), self.integrated_gradients(2 * steps + 1)
        return lambda x: 2 * fine(x) - coarse(x)

    def smooth_grad(self, n_samples: int, noise: float = 0.2) -> Explain:
        return self._of(SmoothGrad(self._model, nb_samples=n_samples, noise=noise))

    def occlusion(self, window: int) -> Explain:
        """Each channel by itself, windows that touch."""
        return self._of(Occlusion(self._model, patch_size=(window, 1), patch_stride=(window, 1)))

    def _of(self, method: Any) -> Explain:
        return lambda x: np.asarray(method.explain(x, self._one_hot))


class TfKerasVis:
    def __init__(self, logits: keras.Model, target: int) -> None:
        self._saliency, self._gradcam = Saliency(logits), Gradcam(logits)
        self._score = CategoricalScore([target])

    def gradient(self) -> Explain:
        return lambda x: np.asarray(self._saliency(self._score, x, **RAW))

    def smooth_grad(self, n_samples: int) -> Explain:
        return lambda x: np.asarray(self._saliency(self._score, x, smooth_samples=n_samples))

    def smooth_grad_without_noise(self, n_samples: int) -> Explain:
        """The mean of as many equal gradients."""
        options = {"smooth_samples": n_samples, "smooth_noise": 0.0, **RAW}
        return lambda x: np.asarray(self._saliency(self._score, x, **options))

    def grad_cam(self, layer: str, raw: bool = False) -> Explain:
        own_axis = {"expand_cam": False, "normalize_cam": False} if raw else {}
        return lambda x: np.asarray(self._gradcam(self._score, x, penultimate_layer=layer, **own_axis))
