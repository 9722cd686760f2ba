"""Observations that need not be made again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.probe.observation import Observation

MOST = 16 * 2**20  # bytes of observations kept per probe
FEW, LARGE = 4, 256 * 2**20  # of so few it is more: who compares two long series goes to and fro between them


class Memory:
    """Observations by the inputs that they were made of; what was not asked for longest is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Observation] = OrderedDict()
        self._bytes = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._kept

    def get(self, key: bytes, version: bytes) -> Observation | None:
        """The observation for these inputs, if it was made with these weights."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.version != version:
                return None
            self._kept.move_to_end(key)
            return kept

    def put(self, key: bytes, observation: Observation) -> None:
        with self._lock:
            if key in self._kept:
                self._bytes -= self._kept.pop(key).nbytes
            self._kept[key] = observation
            self._bytes += observation.nbytes
            while len(self._kept) > 1 and self._bytes > (LARGE if len(self._kept) <= FEW else MOST):
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    @staticmethod
    def key(flat: Sequence[NDArray[Any]]) -> bytes:
        digest = hashlib.blake2b(digest_size=16)
        for array in flat:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return digest.digest()
