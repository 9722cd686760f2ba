"""Small recordings with trained models, shipped with the package: sets of series, and single long waves.

Sources and licences are in the `*.PROVENANCE.md` files beside the data.
"""

from tswidgets.datasets.bundled import Dataset, japanese_vowels, watch_exercises, watch_segment
from tswidgets.datasets.recordings import Recording, daphnet_walk, sine

__all__ = [
    "Dataset",
    "Recording",
    "daphnet_walk",
    "japanese_vowels",
    "sine",
    "watch_exercises",
    "watch_segment",
]
