"""What is said of a layer that is wrong: one sentence of what was seen, and one of what to try."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.layer_statistics import LayerStatistics, WeightStatistics
from tswidgets.analysis.made import Made

Said = tuple[str, str]
Which = NDArray[np.int64]
LISTED = 8  # filters whose numbers are named
LARGE = 100.0  # of a trained weight: far beyond what initialisation and a sound training give
UNSCALED = 10.0  # of the data: sigmoids and tangents end at 5
UNTRAINED = "BatchNormalization keeps no size before it is trained: look again after an epoch."


def data(layer: LayerStatistics, which: Which) -> Said:
    n, bad = int(layer.n.sum()), int((layer.n_nan + layer.n_infinite).sum())
    where = f" in {_entries(layer, which)}" if layer.n_filters > 1 else ""
    first = "" if layer.first_sample is None else f", first in sample {layer.first_sample}"
    said = f"{layer.layer} holds {_unreal(layer)}: {_share(bad, n)} of the values{where}{first}."
    return said, "Fill the gaps, leave these samples out, or mask them; numpy.isfinite(X) finds them."


def lost_weights(layer: LayerStatistics, lost: Sequence[WeightStatistics], others: Sequence[str]) -> Said:
    names = _and([one.name for one in lost])
    also = f", and so do the weights of {_counted(len(others), 'other layer')}" if others else ""
    said = f"The weights of {layer.layer} are not finite: its {names} {_holds(len(lost))} NaN or infinite values{also}."
    return said, (
        "They do not come back: load weights from before, then look for NaN in X and y, and train with a lower "
        "learning rate or with clipnorm."
    )


def made_here(
    layer: LayerStatistics,
    sources: Sequence[LayerStatistics],
    made: Made,
    *,
    in_activation: bool,
    model_weights: Sequence[str],
) -> Said:
    bad, n = int((layer.n_nan + layer.n_infinite).sum()), int(layer.n.sum())
    first = "" if layer.first_sample is None else f", first in sample {layer.first_sample}"
    where = f"The activation function of {layer.layer}" if in_activation else layer.layer
    said = f"{where} makes {_unreal(layer)} of finite numbers: {_share(bad, n)} of its values{first}"
    known = [one for one in sources if one.n_finite.any()]
    if known:
        low, high = min(float(np.nanmin(one.low)) for one in known), max(float(np.nanmax(one.high)) for one in known)
        said += f"; what goes in lies between {low:.3g} and {high:.3g}"
    if model_weights:
        return said + ".", f"The model's own {_and(model_weights)} hold NaN or infinite values: load earlier weights."
    most = max([0.0, greatest(layer), *(greatest(one) for one in known)])
    if layer.layer in made.half and most > 100:
        return said + ".", "It computes in float16, which ends at 65,504: use bfloat16 or float32, or scale the data."
    if most > 1e6:
        return said + ".", (
            "The numbers grow until they overflow: normalise between the layers, begin with smaller weights, or take "
            "a lower learning rate with clipnorm."
        )
    return said + ".", (
        "Look in it, and between it and the layer before, for a logarithm or root of 0 or less, or a quotient by 0: "
        "clip what goes in, or add a small number."
    )


def exploding(layer: LayerStatistics, size: float, weights: Sequence[WeightStatistics], made: Made) -> Said:
    said = f"The values of {layer.layer} explode: their size is {layer.size:.3g}, that of the data {size:.3g}"
    if layer.layer in made.inputs:
        said = f"The values of {layer.layer} go up to {greatest(layer):.3g}, whose square float32 does not hold"
        return said + ".", "Scale the data: subtract the mean and divide by the standard deviation of each channel."
    large = [one for one in weights if max(abs(one.low), abs(one.high)) > LARGE]
    if large:
        most = max(max(abs(one.low), abs(one.high)) for one in large)
        said += f"; its {_and([one.name for one in large])} {_holds(len(large), 'goes', 'go')} up to {most:.3g}"
        return said + ".", "A learning rate that is too large does that: begin anew with a lower one, or with clipnorm."
    return said + ".", (
        "Put BatchNormalization or LayerNormalization between the layers, or begin with smaller weights; in a "
        "recurrent layer tanh and an orthogonal recurrent_initializer keep the size."
    )


def vanishing(layer: LayerStatistics, size: float) -> Said:
    said = f"Hardly anything of the data reaches {layer.layer}: the size of its values is {layer.size:.2g}"
    return f"{said}, that of the data {size:.2g}.", (
        "Begin with larger weights, as kernel_initializer='he_normal' for relu, or put BatchNormalization or "
        "LayerNormalization or a way around between the layers."
    )


def constant_data(layer: LayerStatistics, which: Which) -> Said:
    said = f"{_capital(_entries(layer, which))} of {layer.layer} {_holds(len(which), 'is', 'are')} constant"
    value = f" ({layer.mean[which[0]]:.3g})" if len(which) == 1 else ""
    return (
        f"{said}{value} in all samples that were looked at.",
        "It tells the model nothing; look whether that is meant.",
    )


def filters(
    kind: str,
    layer: LayerStatistics,
    which: Which,
    before: LayerStatistics | None,
    weights: Sequence[WeightStatistics],
    data: float,
    serious: bool,
) -> Said:
    """Of filters that are dead, constant or saturated; `before` is what goes into their activation function."""
    whole = len(which) == layer.n_filters
    who = f"{_capital(_entries(layer, which))} of {layer.layer}"
    if whole and layer.n_filters > 1:
        who = f"All {layer.n_filters:,} {_plural(layer.word)} of {layer.layer}"
    be = _holds(len(which), "is", "are")
    if kind == "dead":
        said = f"{who} {be} dead: 0 at every step of every sample"
        if before is not None and before.n_filters == layer.n_filters:
            said += f"; what goes into the activation function is at most {np.nanmax(before.high[which]):.3g}"
        biases = [one for one in weights if one.name == "bias" and one.low < -1]
        said += f", and its bias goes down to {biases[0].low:.3g}" if biases else ""
        if not serious:
            return said + ".", "They get no gradient from these series; a few do no harm."
        return said + ".", (
            "They get no gradient any more: begin anew with a lower learning rate, without a negative bias, or with "
            "LeakyReLU, ELU or GELU instead of ReLU."
        )
    if kind == "constant":
        what = "gives" if len(which) == 1 else "give"
        said = f"{who} {what} one value, whatever the series"
        if not serious:
            return said + ".", "A few do no harm: they add what a bias adds."
        return (
            said + ".",
            "Nothing of the data gets through: look whether its weights are all 0, or what is wrong before.",
        )
    said = f"{who} {be} saturated: at a bound of the activation function at 95 % of the steps or more"
    if before is not None:
        said += f"; what goes into it has a size of {before.size:.3g}"
    if not serious:
        return said + ".", "They hardly learn any more; a few do no harm."
    if data > UNSCALED:
        return f"{said}. The data are not scaled: their size is {data:.3g}.", (
            "Subtract the mean and divide by the standard deviation of each channel, as keras.layers.Normalization "
            "does."
        )
    return (
        said + ".",
        "Its weights are too large for what goes in: a lower learning rate, smaller weights, normalisation.",
    )


def greatest(layer: LayerStatistics) -> float:
    """The largest magnitude of a layer's finite values; 0 without any."""
    known = np.concatenate([layer.low, layer.high])
    return float(np.abs(known[np.isfinite(known)]).max(initial=0.0))


def _unreal(layer: LayerStatistics) -> str:
    parts = [name for name, n in (("NaN", layer.n_nan), ("infinite values", layer.n_infinite)) if n.any()]
    return " and ".join(parts)


def _share(part: int, of: int) -> str:
    return f"{part:,} ({100 * part / max(of, 1):.3g} %)"


def _entries(layer: LayerStatistics, which: Which) -> str:
    """`filters 0, 3, 7 and 2 more`."""
    listed = ", ".join(str(int(i)) for i in which[:LISTED])
    more = f" and {len(which) - LISTED:,} more" if len(which) > LISTED else ""
    of = f" ({len(which):,} of {layer.n_filters:,})" if len(which) > 1 else ""
    return f"{layer.word if len(which) == 1 else _plural(layer.word)} {listed}{more}{of}"


def _plural(word: str) -> str:
    return f"{word}s"


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word if n == 1 else _plural(word)}"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _holds(n: int, one: str = "holds", several: str = "hold") -> str:
    return one if n == 1 else several


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
