"""A layer's steps on the input's time axis: by the centres of what they see, never by stretching."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets.probe import Timeline

Floats = NDArray[np.float32]


def on_input(
    values: NDArray[np.floating], timeline: Timeline, n_timesteps: int, there: NDArray[np.bool_] | None = None
) -> Floats:
    """Values of shape (n_steps, …) at a layer's steps, at every input step: (n_timesteps, …).

    Between the centres of two fields they are interpolated; before the first centre and after the last they are held as
    far as those two fields reach; NaN where no step of the layer sees. Steps that share a centre are averaged, and
    those that are not `there` (padding) left out.
    """
    seen = np.flatnonzero((timeline.near_lo <= timeline.near_hi) & (True if there is None else there))
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    out = np.full((n_timesteps, flat.shape[1]), np.nan)
    if len(seen):
        centres = (timeline.near_lo[seen] + timeline.near_hi[seen]) / 2
        places, of = np.unique(centres, return_inverse=True)
        mean = np.zeros((len(places), flat.shape[1]))
        np.add.at(mean, of, flat[seen])
        mean /= np.bincount(of)[:, None]
        first, last = int(timeline.near_lo[seen].min()), int(timeline.near_hi[seen].max())
        inside = np.arange(max(first, 0), min(last, n_timesteps - 1) + 1)
        after = np.clip(np.searchsorted(places, inside, side="right"), 1, max(len(places) - 1, 1))
        if len(places) == 1:
            out[inside] = mean
        else:
            left, right = places[after - 1], places[after]
            share = np.clip((inside - left) / (right - left), 0, 1)[:, None]
            out[inside] = (1 - share) * mean[after - 1] + share * mean[after]
        out[~_covered(timeline.near_lo[seen], timeline.near_hi[seen], n_timesteps)] = np.nan
    return out.reshape(n_timesteps, *np.shape(values)[1:]).astype(np.float32)


def _covered(first: NDArray[np.int64], last: NDArray[np.int64], n_timesteps: int) -> NDArray[np.bool_]:
    """Which input steps lie in any of the fields."""
    edges = np.zeros(n_timesteps + 1, np.int64)
    inside = (first < n_timesteps) & (last >= 0)
    np.add.at(edges, np.maximum(first[inside], 0), 1)
    np.add.at(edges, np.minimum(last[inside], n_timesteps - 1) + 1, -1)
    return np.asarray(np.cumsum(edges[:-1]) > 0)
