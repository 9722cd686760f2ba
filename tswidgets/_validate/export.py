"""Messages about writing an explorer to a file."""

from __future__ import annotations

from typing import NoReturn

from tswidgets._validate.messages import message


def nothing_to_export() -> NoReturn:
    raise ValueError(message("at least one sample", "an empty list", "Name samples by their indices in X."))


def no_module(name: str) -> NoReturn:
    raise FileNotFoundError(
        message(
            f"the JavaScript of {name} where its package installs it (share/jupyter/nbextensions/{name})",
            "none there",
            f"Install {name} anew with `pip install --force-reinstall {name}`.",
        )
    )


def page_too_large(n_bytes: int, max_bytes: int, n_data: int, n_samples: int, n_layers: int) -> NoReturn:
    """`n_data` of the page's bytes are data, for all samples and layers."""
    fixed = n_bytes - n_data * 4 / 3  # which stand in the page as text
    pictures = max(int((max_bytes - fixed) / max(n_data * 4 / 3 / (n_samples * n_layers), 1)), 0)
    todo = f"Give max_bytes more than {n_bytes:,}"
    if pictures:
        todo += f", or leave out samples or layers: about {pictures:,} pictures fit (samples × layers)"
    raise ValueError(
        message(
            f"a page of at most {max_bytes:,} bytes",
            f"{n_bytes:,} bytes for {n_samples:,} × {n_layers:,} pictures of samples and layers",
            f"{todo}.",
        )
    )


PICTURES = (".png", ".svg", ".pdf")


def picture_ending(ending: str, name: str) -> None:
    if ending.lower() not in PICTURES:
        known = ", ".join(PICTURES)
        raise ValueError(message(f"a file name that ends in one of {known}", repr(name), "Name the file so."))


def nothing_drawn(panel: str) -> NoReturn:
    todo = "Write a page by to_html, or take the numbers from data()."
    raise ValueError(message("a panel with figures", f"{panel!r}, which the browser draws by itself", todo))


def matplotlib_is_there() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            message("matplotlib, which draws pictures into files", "none installed", "pip install matplotlib")
        ) from error
