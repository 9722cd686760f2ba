"""Captum's integrated gradients of Keras models on PyTorch: `python captum_ig.py FOLDER`, in Captum's environment.

For every `NAME.keras` in the folder, whose output is explained as it is, and `NAME.npz` with `x`, (n_samples,
n_timesteps, n_channels), and `target`, (n_samples, n_axes), writes `NAME.captum.npz` with `gradient` and
`integrated_gradients`, both shaped as `x`. Prints the versions.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

import sys
from pathlib import Path

import captum
import keras
import numpy as np
import torch
from captum.attr import IntegratedGradients, Saliency

N_STEPS = 50


def explain(file: Path) -> None:
    model, stored = keras.models.load_model(file, compile=False), np.load(file.with_suffix(".npz"))
    x, target = torch.tensor(stored["x"], requires_grad=True), [tuple(int(i) for i in row) for row in stored["target"]]

    def forward(x: torch.Tensor) -> torch.Tensor:
        return model(x, training=False)

    gradient = Saliency(forward).attribute(x, target, abs=False)
    # Captum's own rule is Gauss–Legendre; ours is the midpoint rule, which it calls so.
    integrated = IntegratedGradients(forward).attribute(x, 0.0, target, n_steps=N_STEPS, method="riemann_middle")
    np.savez(
        file.with_suffix(".captum.npz"),
        gradient=gradient.detach().numpy(),
        integrated_gradients=integrated.detach().numpy(),
    )


def main(folder: Path) -> None:
    for file in sorted(folder.glob("*.keras")):
        explain(file)
    print(f"Captum {captum.__version__}, PyTorch {torch.__version__}, Keras {keras.__version__}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
