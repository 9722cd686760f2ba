"""Copies the notebooks into the site, each with a first cell that shows widgets as pages of their own."""

import shutil
from pathlib import Path

import nbformat

LIVE = "%run ../live_pages.py"


def prepare(docs: Path) -> None:
    folder = docs / "tutorials"
    for made in (folder, docs / "_live"):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    for path in sorted((docs.parent / "notebooks").glob("*.ipynb")):
        book = nbformat.read(path, as_version=4)
        first = nbformat.v4.new_code_cell(f"{LIVE} {path.stem}", metadata={"tags": ["remove-cell"]})
        book.cells.insert(1, first)
        nbformat.write(book, folder / path.name)
