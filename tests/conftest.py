"""What all tests share: quiet TensorFlow, and a record of what widgets send."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import ipywidgets
import pytest


def pytest_collection_finish() -> None:
    """What Keras and TensorFlow make at import stays: the collector need not walk all of it again for every trace."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class Messages:
    """State updates that widgets sent to the browser, by widget."""

    def __init__(self) -> None:
        self.sent: list[tuple[ipywidgets.Widget, dict[str, Any]]] = []

    def count(self, widget: ipywidgets.Widget) -> int:
        return sum(1 for one, _ in self.sent if one is widget)

    def of_marks(self) -> Counter[str]:
        """How many messages each kind of mark sent, by its model id."""
        import bqplot

        return Counter(f"{type(one).__name__} {one.model_id}" for one, _ in self.sent if isinstance(one, bqplot.Mark))

    def clear(self) -> None:
        self.sent.clear()


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Messages]:
    """Everything that is sent from here on."""
    record, original = Messages(), ipywidgets.Widget._send

    def send(widget: ipywidgets.Widget, message: dict[str, Any], buffers: Any = None) -> None:
        if message.get("method") == "update":
            record.sent.append((widget, message["state"]))
        original(widget, message, buffers)

    monkeypatch.setattr(ipywidgets.Widget, "_send", send)
    yield record
