"""One file a panel: a view, a pure `compute(selection)` and `show(result)`."""
