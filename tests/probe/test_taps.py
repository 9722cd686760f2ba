"""Everything in a model has a name, a kind and a word, in the order in which the model runs it."""

import keras
import numpy as np
import pytest
from keras import layers as L

from tests import models, reference
from tests.models import CASES, ODD_NAMES, case
from tests.probe.comparing import assert_close
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
    """With what goes into its activation each time, right before it; all of it by NumPy."""
    found = case("shared")
    assert list(taps_of("shared")) == [
        "shared:pre-activation",
        "shared",
        "shared#2:pre-activation",
        "shared#2",
        "merged",
    ]
    observation = as_probe(found.model).observe(found.x)
    weights = [np.asarray(weight) for weight in found.model.get_layer("shared").weights]
    for n, x in enumerate(found.x):
        first = reference.conv1d(x, *weights, padding="same")
        second = reference.conv1d(np.tanh(first), *weights, padding="same")
        assert_close(observation["shared:pre-activation"][n], first)
        assert_close(observation["shared"][n], np.tanh(first))
        assert_close(observation["shared#2:pre-activation"][n], second)
        assert_close(observation["shared#2"][n], np.tanh(second))
        assert_close(observation["merged"][n], np.tanh(first) + np.tanh(second))


def test_nested_layers_have_paths():
    """Two layers called conv1, one inside the encoder: the path tells them apart."""
    taps = taps_of("nested")
    assert list(taps) == [
        "encoder/conv1:pre-activation",
        "encoder/conv1",
        "encoder/pool",
        "encoder",
        "conv1",
        "gap",
    ]
    assert taps["encoder"].layer_class == "Sequential"
    assert taps["encoder"].kind == "sequence"


# ------------------------------------------------------------------------------------------------ before an activation

SUFFIX = ":pre-activation"


@pytest.mark.parametrize("name", [name for name in CASES if name != "data_dependent"])
def test_what_goes_into_an_activation_is_described_like_what_comes_out(name):
    """Same steps, same words; and it comes right before its layer, but for an activation that is a layer itself."""
    taps = taps_of(name)
    names = list(taps)
    for before in (one for one in names if one.endswith(SUFFIX)):
        after = before.removesuffix(SUFFIX)
        between = names[names.index(before) + 1 : names.index(after)]
        assert all(one.startswith(f"{after}/") for one in between)
        assert len(between) == (name == "activation_by_layer")
        for what in ("layer_class", "shape", "kind", "word", "family", "note"):
            assert getattr(taps[before], what) == getattr(taps[after], what), (before, what)


def test_which_layers_have_something_before_their_activation():
    """Those that are given a function: not `linear`, not a layer that is an activation, not a recurrence."""

    def before(name):
        return [tap.removesuffix(SUFFIX) for tap in taps_of(name) if tap.endswith(SUFFIX)]

    assert before("activation_layers") == []
    assert before("masked_lstm") == ["head"]
    assert before("activation_arguments") == ["relu", "gelu", "swish", "softmax", "by_lambda", "einsum", "sine"]
    assert before("own_activation") == ["scaling", "gate"]
    assert before("three_deep") == ["middle/inner/conv", "head"]


def test_an_activation_layer_has_the_tap_before_it():
    """`tanh` as a layer of its own: what goes in is the tap before it."""
    found = case("activation_layers")
    observation = as_probe(found.model).observe(found.x)
    np.testing.assert_allclose(observation["tanh"], np.tanh(observation["conv"]), atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------- names


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
    assert shapes == [(400, 32), (400, 32), (400, 32), (400, 1), (400, 1)]
    assert parameters == [4_128, 8_320, 33]


def test_scenario_d():
    shapes, parameters = shapes_and_parameters(models.speaker_classifier())
    assert shapes == [(None, 12), (100,), (9,), (9,)]
    assert parameters == [0, 45_200, 909]
