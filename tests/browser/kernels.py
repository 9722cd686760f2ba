"""Kernels that one notebook after the other is opened with: to import TensorFlow takes longer than most tests."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

FORGET = "import ipywidgets\nipywidgets.Widget.close_all()\nget_ipython().reset(new_session=False)"


class Kernels:
    """Those of a Jupyter server. Each has one session, which is moved to the notebook that is opened next."""

    def __init__(self, url: str) -> None:
        self._url, self._idle = url, list[str]()

    def lend(self, notebook: str) -> str:
        """The session that this notebook finds when it is opened."""
        named = {"path": notebook, "name": notebook, "type": "notebook"}
        if self._idle:
            session = self._idle.pop()
            self._request("PATCH", f"/{session}", named)
            return session
        return self._request("POST", "", {**named, "kernel": {"name": "python3"}})["id"]

    def take_back(self, session: str) -> None:
        """It has forgotten (`FORGET`) what it was used for."""
        self._idle.append(session)

    def end(self, session: str) -> None:
        self._request("DELETE", f"/{session}")

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/api/sessions{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")
