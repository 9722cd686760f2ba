"""Everything in a model has a name, a kind and a word, in the order in which the model runs it."""

import keras
import numpy as np
import pytest
from keras import layers as L

from tests import models
from tests.models import CASES, ODD_NAMES, case
from tswidgets.probe import Probe, as_probe


def taps_of(name):
    return {tap.name: tap for tap in as_probe(case(name).model, case(name).x).taps}


@pytest.mark.parametrize("name", [name for name in CASES if name != "data_dependent"])
def test_taps_are_what_the_model_calls_in_order(name):
    """Names and shapes equal those of the layers called by hand; none is missing, none is invented."""
    found = case(name)
    expected = found.expected(found.x)
    taps = as_probe(found.model, found.x).taps
    assert [tap.name for tap in taps] == list(expected)
    for tap in taps:
        shape = expected[tap.name].shape[1:]
        assert len(tap.shape) == len(shape)
        assert all(declared in (None, size) for declared, size in zip(tap.shape, shape, strict=True))


def test_taps_of_a_model_that_cannot_be_compiled():
    """The layers that the example went through are known before and after a look."""
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    expected = list(found.expected(found.x))
    assert [tap.name for tap in probe.taps] == expected
    probe.observe(found.x)
    assert [tap.name for tap in probe.taps] == expected


def test_tap_by_its_axes():
    """Steps × filters, units, and what cannot be drawn."""
    taps = taps_of("sequential")
    conv, flat, head = taps["conv1"], taps["flat"], taps["head"]
    assert (conv.kind, conv.shape, conv.time_axis, conv.filter_axis, conv.n_filters) == ("sequence", (26, 4), 0, 1, 4)
    assert (flat.kind, flat.shape, flat.time_axis, flat.filter_axis, flat.n_filters) == ("units", (9,), None, 0, 9)
    assert (head.kind, head.n_filters, head.layer_class) == ("units", 6, "Dense")
    assert all(tap.drawable and tap.note == "" for tap in taps.values())


def test_a_free_length_is_none():
    assert taps_of("conv_lstm")["conv"].shape == (None, 4)
    assert taps_of("masked_lstm")["lstm2"].shape == (5,)


@pytest.mark.parametrize(
    "name, words",
    [
        (
            "sequential",
            {"conv1": "filter", "norm": "filter", "pool2": "filter", "conv3": "filter", "flat": "unit", "head": "unit"},
        ),
        ("conv_lstm", {"conv": "filter", "lstm": "unit", "per_step": "unit"}),
        ("masked_lstm", {"masking": "channel", "lstm1": "unit", "head": "unit"}),
        ("bidirectional", {"both": "unit", "last": "unit"}),
        ("dropout", {"conv": "filter", "drop": "filter", "gap": "filter", "head": "unit"}),
        ("several_outputs", {"both": "channel", "lstm": "unit", "lstm:1": "unit", "label": "unit"}),
        ("dag", {"a": "filter", "added": "filter", "pooled": "filter", "head": "unit"}),
    ],
)
def test_word_of_the_last_axis(name, words):
    """Convolutions have filters, recurrent and dense layers units, the input channels; others pass the word on."""
    taps = taps_of(name)
    assert {tap: taps[tap].word for tap in words} == words


def test_family():
    assert {tap.family for tap in taps_of("bidirectional").values()} == {"recurrent"}
    taps = taps_of("conv_lstm")
    assert [taps[name].family for name in ("conv", "lstm", "per_step")] == ["convolution", "recurrent", ""]
    assert taps_of("sequential")["pool1"].family == ""


def test_shared_layer_has_a_tap_for_every_call():
    assert list(taps_of("shared")) == ["shared", "shared#2", "merged"]


def test_nested_layers_have_paths():
    """Two layers called conv1, one inside the encoder: the path tells them apart."""
    taps = taps_of("nested")
    assert list(taps) == ["encoder/conv1", "encoder/pool", "encoder", "conv1", "gap"]
    assert taps["encoder"].layer_class == "Sequential"
    assert taps["encoder"].kind == "sequence"


@pytest.mark.parametrize("name, layers", [("masked_lstm", ["masking", "lstm1"]), ("embedding", ["lstm", "per_step"])])
def test_masked_layers_keep_their_place_in_time(name, layers):
    """Keras hands the mask of a functional model to the LSTM as one more input; the steps are known all the same."""
    taps = taps_of(name)
    assert {layer: taps[layer].kind for layer in layers} == dict.fromkeys(layers, "sequence")


def test_odd_names_are_kept_as_they_are():
    assert tuple(taps_of("odd_names")) == ODD_NAMES


def test_names_are_unique_even_if_layers_are_named_like_taps():
    """A layer may be called `conv#2` while `conv` is called twice: no tap may hide another."""
    conv = L.Conv1D(2, 3, padding="same", name="conv")
    x = keras.Input((6, 2))
    model = keras.Model(x, L.Conv1D(2, 1, name="conv#2")(conv(conv(x))))
    probe, sample = Probe(model), models.series(1, 6, 2)
    names = list(probe.observe(sample))
    assert names == [tap.name for tap in probe.taps]
    assert len(names) == 3
    assert len(set(names)) == 3


def test_layers_of_one_name_in_a_subclassed_model_are_told_apart():
    class Twins(keras.Model):
        def __init__(self):
            super().__init__(name="twins")
            self.blocks = [L.Dense(2, name="twin"), L.Dense(3, name="twin")]

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    model, x = Twins(), np.ones((1, 4, 2), "float32")
    taps = Probe(model, x).taps
    assert len({tap.name for tap in taps}) == 2
    assert [tap.shape for tap in taps] == [(4, 2), (4, 3)]


def test_unknown_layers_are_listed_with_a_reason():
    """A layer of the user's own and all that follows it have no place in time, until time is gone."""
    taps = taps_of("custom")
    assert [(tap.name, tap.drawable) for tap in taps.values()] == [
        ("conv", True),
        ("cumulated", False),
        ("relu", False),
        ("pooled", True),
    ]
    assert "Cumulating" in taps["cumulated"].note
    assert "10 × 3" in taps["cumulated"].note
    assert (taps["cumulated"].time_axis, taps["cumulated"].filter_axis, taps["cumulated"].n_filters) == (None, None, 0)


def test_a_conv_subclass_with_its_own_call_is_unknown():
    """It is a Conv1D by inheritance, but it reverses time: better unknown than wrong."""
    taps = taps_of("overriding")
    assert not taps["reversed"].drawable
    assert not taps["per_step"].drawable


def test_outputs_of_four_axes_are_listed_with_a_reason():
    taps = taps_of("images")
    assert not taps["conv2d"].drawable
    assert "3 axes" in taps["conv2d"].note
    assert taps["gap"].kind == "units"


def test_an_output_without_any_axis_is_listed():
    """A model that ends in one number per sample."""
    x = keras.Input((6, 2))
    model = keras.Model(x, keras.ops.mean(L.Dense(1, name="dense")(x), axis=(1, 2)))
    taps = Probe(model).taps
    assert [tap.drawable for tap in taps] == [True, False]
    assert taps[1].note != ""


def shapes_and_parameters(model):
    shapes = [tap.shape for tap in Probe(model).taps]
    return shapes, [layer.count_params() for layer in model.layers]


def test_scenario_a():
    """Shapes and parameters of the window classifier equal the reference numbers."""
    model = models.window_classifier()
    shapes, parameters = shapes_and_parameters(model)
    assert shapes == [(292, 128)] * 3 + [(58, 128)] + [(50, 128)] * 3 + [(10, 128), (1280,), (300,)]
    assert parameters == [10_496, 512, 0, 0, 147_584, 512, 0, 0, 0, 384_300]
    assert model.count_params() == 543_404
    assert [tap.word for tap in Probe(model).taps] == ["filter"] * 8 + ["unit"] * 2


def test_scenario_c1():
    shapes, parameters = shapes_and_parameters(models.per_step_labels())
    assert shapes == [(400, 32), (400, 32), (400, 1)]
    assert parameters == [4_128, 8_320, 33]


def test_scenario_d():
    shapes, parameters = shapes_and_parameters(models.speaker_classifier())
    assert shapes == [(None, 12), (100,), (9,)]
    assert parameters == [0, 45_200, 909]
