"""Small real recordings with a trained model for each, shipped with the package.

Sources and licences are in the `*.PROVENANCE.md` files beside the data.
"""

from tswidgets.datasets.bundled import Dataset, japanese_vowels, watch_exercises, watch_segment

__all__ = ["Dataset", "japanese_vowels", "watch_exercises", "watch_segment"]
