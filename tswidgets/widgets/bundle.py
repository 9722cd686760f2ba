"""The JavaScript that js/ is built into."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "static"


def asset(name: str) -> Path:
    """Path of a file of the front-end bundle."""
    path = _FOLDER / name
    if not path.exists():
        raise FileNotFoundError(
            f"Expected the front-end bundle with {name}; got none in this checkout. "
            "Build it with `pip install -e .`, or with `npm ci && npm run build` in js/."
        )
    return path
