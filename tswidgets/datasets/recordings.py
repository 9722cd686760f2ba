"""One long wave each, to be cut into sliding windows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.datasets.bundled import DATA, trained_model

PERIOD = 100  # of the sine, in time steps
_PLACES = {"ankle": "ankle", "leg": "upper leg", "trunk": "trunk"}
_AXES = {"horiz_fwd": "forward", "vert": "vertical", "horiz_lateral": "lateral"}


@dataclass(frozen=True, eq=False)
class Recording:
    """One long wave, and what it is.

    wave : ndarray of shape (n_timesteps, n_channels), float32.
    sampling_rate : time steps per second, or None where there is none.
    unit : what the values are in, or "" for numbers without a unit.
    source : where the wave comes from and under which licence.
    model_file : name of the trained model that comes with the wave, or None.
    """

    wave: NDArray[np.float32]
    channel_names: list[str]
    sampling_rate: float | None
    unit: str
    source: str
    model_file: str | None = None

    def __repr__(self) -> str:
        steps, channels = self.wave.shape
        return f"Recording({steps} steps × {channels} channel{'' if channels == 1 else 's'}, {self.model_file})"

    @cached_property
    def model(self) -> Any:
        """The trained keras.Model, loaded when it is first asked for; None if none comes with the wave."""
        return None if self.model_file is None else trained_model(self.model_file)


def sine(n_timesteps: int = 300, start: int = 10_000, noise: float = 0.0, seed: int = 0) -> Recording:
    """A sine of period 100 at the times start … start + n_timesteps - 1, and a model that predicts its next value.

    The model takes windows of 100 steps and has 153 parameters: Conv1D(8, 10), Conv1D(1, 8), GlobalMaxPooling1D. Wave
    and architecture are those of Sugisaki's article 時系列データに対する1次元畳み込み層の出力を可視化 (2018); by
    default the wave is the one on which the article looks inside its model.

    Parameters
    ----------
    noise : float
        Standard deviation of the normal noise that is added; the article uses 0 and 0.05.
    seed : int
        Of the noise.
    """
    if isinstance(n_timesteps, bool) or not isinstance(n_timesteps, (int, np.integer)) or n_timesteps < 1:
        raise ValueError(f"Expected a number of time steps from 1 on; got {n_timesteps!r}. Pass a whole number.")
    if not 0 <= noise < np.inf:
        raise ValueError(f"Expected a standard deviation of 0 or more for noise; got {noise!r}. Pass a number ≥ 0.")
    wave = np.sin(2 * np.pi * (start + np.arange(n_timesteps)) / PERIOD)
    wave += noise * np.random.default_rng(seed).standard_normal(n_timesteps)
    return Recording(
        wave=wave[:, None].astype(np.float32),
        channel_names=["sine"],
        sampling_rate=None,
        unit="",
        source="computed",
        model_file="kabuku_sine_153.keras",
    )


def daphnet_walk() -> Recording:
    """110 s out of a walking trial: nine accelerometer channels at 64 Hz, in g as they were measured, not standardised.

    Gravity is in it, so the vertical channels lie near 1 g; values reach 5 g. All labels of this stretch are 0 and are
    left out. No model comes with it.
    """
    stored = np.load(DATA / "daphnet_s06r02.npz")
    return Recording(
        wave=(stored["X"] / 1000).astype(np.float32),
        channel_names=[_channel_name(str(name)) for name in stored["features"]],
        sampling_rate=float(stored["rate_hz"]),
        unit="g",
        source=(
            "Daphnet Freezing of Gait, subject 06 run 02, D. Roggen, M. Plotnik, J. Hausdorff 2010, UCI, "
            "DOI 10.24432/C56K78, CC BY 4.0; M. Bächlin et al. 2010"
        ),
    )


def _channel_name(stored: str) -> str:
    """`leg_horiz_fwd` → `upper leg forward`."""
    place, axis = stored.split("_", 1)
    return f"{_PLACES[place]} {_AXES[axis]}"
