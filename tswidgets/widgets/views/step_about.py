"""What a layer that is followed by hand is set to, and what the colours of its numbers mean."""

from __future__ import annotations

from html import escape

from tswidgets.analysis.convolution_step import ConvolutionSteps
from tswidgets.analysis.pooling_step import PoolingSteps
from tswidgets.analysis.recurrent_step import RecurrentSteps
from tswidgets.widgets import text
from tswidgets.widgets.stepping import Stepped
from tswidgets.widgets.views.by_hand import Spans
from tswidgets.widgets.views.grids import is_table


def about(layer_class: str, found: Stepped) -> str:
    """What the layer is set to, in words."""
    steps = found.steps
    if isinstance(steps, RecurrentSteps):
        lines = [text.plural(steps.n_filters, "unit"), "each reads one step and all states before"]
    else:
        window = steps.kernel.window if isinstance(steps, ConvolutionSteps) else steps.pool.window
        lines = ["all steps at once"]
        if window is not None:
            lines = [f"{window.size} wide", f"stride {window.stride}", f"padding {window.padding}"]
            lines += [f"dilation {window.dilation}"] if window.dilation > 1 else []
    if isinstance(steps, ConvolutionSteps):
        lines += [text.plural(steps.n_filters, "filter"), _function(steps.kernel.function)]
    return f"<h4>{escape(layer_class)}</h4>" + "".join(f"<div>{escape(line)}</div>" for line in lines)


def _function(name: str) -> str:
    return "no activation function" if name == "linear" else f"activation function: {name}"


def bars(spans: Spans, found: Stepped) -> str:
    """What the colours mean."""

    def bar(most: float, title: str) -> str:
        return text.colorbar(-most, most, True, "", title=title) if most else ""

    steps = found.steps
    if isinstance(steps, RecurrentSteps):
        return bar(spans.products, "Parts of a gate") + bar(spans.kernel, "Products")
    if isinstance(steps, PoolingSteps):
        return bar(spans.window, "Values")
    products = bar(spans.products, "Products")
    if is_table(steps.kernel.window.size, len(steps.kernel.channels)):
        return products
    return bar(spans.window, "Input") + bar(spans.kernel, "Kernel") + products
