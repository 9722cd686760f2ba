"""What happens to the time axis: the right layer, the right change, and what Keras really does with the labels."""

import random
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests.fixing import NotByRule, rebuilt
from tests.models import CASES, case, in_gate, sampled

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+[.)?]$", re.DOTALL)


def chain(*layers, shape=(40, 4)):
    return keras.Sequential([keras.Input(shape), *layers], name="chain")


def functional(build, shape=(40, 4)):
    x = keras.Input(shape)
    return keras.Model(x, build(x), name="functional")


def first_model():
    """The document's: it cannot learn a label for each of its 400 steps."""
    return chain(
        L.Conv1D(32, 8, activation="relu", name="conv1"),
        L.MaxPooling1D(4, name="pool1"),
        L.LSTM(32, name="lstm1"),
        L.Dense(1, activation="sigmoid", name="head"),
        shape=(400, 16),
    )


def second_model():
    """The document's other one: its 400 outputs are the time steps."""
    return chain(
        L.Conv1D(32, 8, activation="relu", name="conv1"),
        L.MaxPooling1D(4, name="pool1"),
        L.LSTM(32, name="lstm1"),
        L.Dense(400, activation="sigmoid", name="head"),
        shape=(400, 16),
    )


def row(report, layer):
    return next(one for one in report.layers if one.layer == layer)


# --------------------------------------------------------------------------------------------------------- the document


def test_the_first_model_of_the_document():
    report = tsw.time_axis(first_model(), y_shape=(476, 400, 1))
    assert report.steps == "400 → 393 → 98 → none"
    assert [(one.layer, one.n_steps, one.size, one.stride, one.change) for one in report.layers] == [
        ("input", 400, 1, 1, "kept"),
        ("conv1", 393, 8, 1, "shortened"),
        ("pool1", 98, 11, 4, "pooled"),
        ("lstm1", None, None, None, "lost"),
        ("head", None, None, None, "none"),
    ]
    assert (report.lost_at, report.given_back_at, report.fits) == ("lstm1", None, False)
    assert (report.output_shape, report.y_shape) == ((1,), (400, 1))
    assert report.fixes == {
        "conv1": 'padding="same"',
        "pool1": 'leave it out, or strides=1, padding="same"',
        "lstm1": "return_sequences=True",
    }


def test_with_what_it_says_the_first_model_becomes_the_answer_of_the_document():
    model = rebuilt(first_model(), tsw.time_axis(first_model(), y_shape=(476, 400, 1)).fixes)
    assert model.count_params() == 4128 + 8320 + 33
    assert model.output_shape == (None, 400, 1)


def test_the_second_model_fits_but_its_accuracy_is_none():
    model = second_model()
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    report = tsw.time_axis(model, y_shape=(476, 400))
    assert report.fits
    assert report.lost_at == "lstm1"
    assert not report.fixes
    assert "order alone" in report.findings[-1]
    assert len(report.problems) == 1
    assert "Use 'binary_accuracy'" in report.problems[0]
    assert not tsw.time_axis(model, y_shape=(476, 400), metrics=["binary_accuracy"]).problems


# ------------------------------------------------------------------------------------ the right layer, the right change


def gated(x):
    h = L.Conv1D(8, 3, padding="same", name="conv")(x)
    gate = L.Dense(8, activation="sigmoid", name="excite")(L.GlobalAveragePooling1D(name="squeeze")(h))
    return L.Dense(1, name="head")(L.Multiply(name="gated")([h, L.Reshape((1, 8), name="one")(gate)]))


def pooled_twice(x):
    h = L.Conv1D(8, 3, name="conv")(x)
    both = [L.GlobalAveragePooling1D(name="gap")(h), L.GlobalMaxPooling1D(name="gmp")(h)]
    return L.Dense(1, name="head")(L.Concatenate(name="both")(both))


def channels_first(x):
    h = L.Conv1D(8, 5, data_format="channels_first", name="conv")(L.Permute((2, 1), name="turned")(x))
    return L.Dense(1, name="head")(L.GlobalAveragePooling1D(data_format="channels_first", name="gap")(h))


def attending(x):
    h = L.MultiHeadAttention(2, 3, name="attention")(x, x)
    return L.Dense(1, name="head")(L.Flatten(name="flat")(L.LayerNormalization(name="norm")(h)))


def pyramid(x):
    h = L.Conv1D(4, 4, name="a")(x)
    deep = L.UpSampling1D(2, name="up")(L.MaxPooling1D(2, padding="same", name="down")(h))
    return L.Dense(1, name="head")(L.Add(name="sum")([L.Cropping1D((0, 1), name="crop")(deep), h]))


SAME, OUT, ALL = 'padding="same"', "leave it out", "return_sequences=True"
OUT_OR = f"{OUT}, or strides=1, {SAME}"
INSIDE = " in the layer inside of it"
# name → (build, y without samples, the layer that loses the axis, what to change)
MODELS = {
    "document": (first_model, (400, 1), "lstm1", {"conv1": SAME, "pool1": OUT_OR, "lstm1": ALL}),
    "flatten": (
        lambda: chain(L.Conv1D(8, 5, name="c"), L.Flatten(name="f"), L.Dense(20, name="d"), L.Dense(1, name="h")),
        (40, 1),
        "f",
        {"c": SAME, "f": OUT},
    ),
    "pooling by one layer": (
        lambda: chain(L.MaxPooling1D(3, name="p"), L.GRU(4, return_sequences=True, name="g"), L.Dense(1)),
        (40,),
        None,
        {"p": OUT_OR},
    ),
    "global pooling": (
        lambda: chain(L.Conv1D(8, 5, strides=2, name="c"), L.GlobalMaxPooling1D(name="g"), L.Dense(5, name="h")),
        (40, 5),
        "g",
        {"c": f"strides=1, {SAME}", "g": OUT},
    ),
    "bidirectional": (
        lambda: chain(L.Bidirectional(L.LSTM(8), name="b"), L.Dense(5, activation="softmax", name="h")),
        (40, 5),
        "b",
        {"b": ALL + INSIDE},
    ),
    "stacked": (
        lambda: chain(L.LSTM(8, return_sequences=True, name="l1"), L.LSTM(8, name="l2"), L.Dense(1, name="h")),
        (40, 1),
        "l2",
        {"l2": ALL},
    ),
    "padded by hand": (
        lambda: chain(L.ZeroPadding1D((4, 0), name="z"), L.Conv1D(8, 5, name="c"), L.LSTM(1, name="l")),
        (40, 1),
        "l",
        {"l": ALL},
    ),
    "dilated": (
        lambda: chain(*[L.Conv1D(4, 2, dilation_rate=2**i, name=f"c{i}") for i in range(3)], L.Dense(1, name="h")),
        (40, 1),
        None,
        {"c0": SAME, "c1": SAME, "c2": SAME},
    ),
    "across channels": (
        lambda: chain(
            L.Conv2D(6, (1, 3), name="c"),
            L.TimeDistributed(L.LSTM(7), name="t"),
            L.LSTM(4, name="l"),
            L.Dense(1),
            shape=(12, 4, 1),  # Keras writes TimeDistributed out, step by step
        ),
        (12, 1),
        "l",
        {"l": ALL},
    ),
    "image": (
        lambda: chain(
            L.Conv2D(6, (3, 3), name="c"),
            L.MaxPooling2D(2, name="p"),
            L.Flatten(name="f"),
            L.Dense(1, name="h"),
            shape=(40, 8, 1),
        ),
        (40, 1),
        "f",
        {"c": SAME, "p": "pool_size=(1, 2), strides=(1, 2)", "f": "TimeDistributed(Flatten())"},
    ),
    "two poolings": (lambda: functional(pooled_twice), (40, 1), "gap", {"conv": SAME, "gap": OUT, "gmp": OUT}),
    "attention": (lambda: functional(attending), (40, 1), "flat", {"flat": OUT}),
    "channels first": (
        lambda: functional(channels_first),
        (40, 1),
        "gap",
        {"conv": SAME, "gap": "put Permute((2, 1)) in its place"},
    ),
    "odd autoencoder": (
        lambda: chain(
            L.Conv1D(8, 5, strides=2, padding="same", name="c"),
            L.Conv1DTranspose(1, 5, strides=2, padding="same", name="t"),
            shape=(41, 3),
        ),
        (41, 1),
        None,
        {"t": "put Cropping1D((0, 1)) after it"},
    ),
    "autoencoder through a vector": (
        lambda: chain(L.LSTM(8, name="e"), L.RepeatVector(6, name="r"), L.LSTM(3, return_sequences=True, name="d")),
        (40, 3),
        "e",
        {"r": "n=40"},
    ),
    "series without channels": (
        lambda: chain(L.Dense(16, name="a"), L.Dense(1, name="h"), shape=(40,)),
        (40,),
        "a",
        {"a": "put Reshape((40, 1)) before it"},
    ),
    "dense over time": (
        lambda: chain(L.Permute((2, 1), name="p"), L.Dense(9, name="d"), L.Permute((2, 1), name="q"), L.Dense(1)),
        (40, 1),
        "d",
        {"d": f"{OUT}: it mixes the steps"},
    ),
    "width": (
        lambda: chain(L.LSTM(8, name="l"), L.Dense(7, name="h")),
        (40, 2),
        "l",
        {"l": ALL, "h": "units=2"},
    ),
    "recurrent to the end": (
        lambda: chain(L.LSTM(8, name="l")),
        (40, 1),
        "l",
        {"l": f"{ALL}, put Dense(1) after it"},
    ),
    "forecast": (lambda: chain(L.LSTM(8, name="l"), L.Dense(1, name="h")), (24,), "l", {"h": "units=24"}),
    "forecast of two": (
        lambda: chain(L.LSTM(8, name="l"), L.Dense(1, name="h")),
        (24, 2),
        "l",
        {"h": "units=48, put Reshape((24, 2)) after it"},
    ),
    "a label for every fourth": (
        lambda: chain(L.Conv1D(8, 8, name="c"), L.MaxPooling1D(4, name="p"), L.Dense(1, name="h")),
        (10, 1),
        None,
        {"c": SAME, "p": SAME},
    ),
    "one label": (
        lambda: chain(L.LSTM(8, return_sequences=True, name="l"), L.Dense(1, name="h")),
        (),
        None,
        {"l": "return_sequences=False"},
    ),
    "one label of a convolution": (
        lambda: chain(L.Conv1D(8, 3, name="c"), L.Dense(1, name="h")),
        (1,),
        None,
        {"h": "put GlobalAveragePooling1D() before it"},
    ),
}


@pytest.mark.parametrize(
    "name",
    in_gate(
        MODELS,
        "document",
        "flatten",
        "global pooling",
        "bidirectional",
        "padded by hand",
        "dilated",
        "image",
        "two poolings",
        "channels first",
        "odd autoencoder",
        "series without channels",
        "width",
        "recurrent to the end",
        "forecast of two",
        "one label of a convolution",
    ),
)
def test_the_right_layer_and_the_right_change(name):
    """What is named is done to a new model, which Keras then scores with the labels, comparing each with its own."""
    build, sizes, lost_at, fixes = MODELS[name]
    model = build()
    report = tsw.time_axis(model, y_shape=(5, *sizes), loss="mse")
    assert (report.lost_at, report.fits, report.fixes) == (lost_at, False, fixes)
    mended = rebuilt(model, fixes)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, *model.input_shape[1:])), rng.integers(0, 2, (5, *sizes))
    mended.compile(loss="mse", run_eagerly=True)
    output = np.asarray(mended(x.astype("float32"), training=False))
    assert np.isclose(mended.test_on_batch(x, y), np.mean((output.reshape(y.shape) - y) ** 2), rtol=1e-3)
    after = tsw.time_axis(mended, y_shape=(5, *sizes))
    assert after.fits
    assert not after.problems
    assert not after.fixes


OTHERS = ("several_outputs", "unet", "nested", "masked_lstm", "mixed_float16", "dag", "resnet")


@pytest.mark.parametrize("name", in_gate(OTHERS, "several_outputs", "unet", "nested", "dag"))
def test_changes_in_models_of_other_tests(name):
    found = case(name)
    n_timesteps = np.shape(keras.tree.flatten(found.x)[0])[1]
    report = tsw.time_axis(found.model, x=found.x, y_shape=(None, n_timesteps, 1), loss="mse")
    if name == "several_outputs":
        with pytest.raises(NotByRule, match="in place of its last state"):
            rebuilt(found.model, report.fixes)
        return
    assert not report.fits
    after = tsw.time_axis(rebuilt(found.model, report.fixes), x=found.x, y_shape=(None, n_timesteps, 1), loss="mse")
    assert after.fits


def test_a_gate_does_not_lose_the_axis():
    report = tsw.time_axis(functional(gated), y_shape=(5, 40, 1))
    assert (report.lost_at, report.fits, report.steps) == (None, True, "40")
    assert row(report, "squeeze").change == "summarised"


def test_a_pyramid_keeps_what_it_shortened():
    report = tsw.time_axis(functional(pyramid))
    assert report.steps == "40 → 37 → 19 → 38 → 37"
    assert report.fixes["a"] == SAME


def test_a_repeated_vector_gives_steps_back():
    layers = [L.LSTM(8, name="e"), L.RepeatVector(40, name="r"), L.LSTM(3, return_sequences=True, name="d")]
    report = tsw.time_axis(chain(*layers), y_shape=(5, 40, 3))
    assert (report.lost_at, report.given_back_at, report.fits, report.fixes) == ("e", "r", True, {})
    assert report.steps == "40 → none → 40"
    assert "makes 40 steps" in report.findings[1]
    dense = chain(L.LSTM(8, name="e"), L.Dense(120, name="x"), L.Reshape((40, 3), name="r"))
    assert tsw.time_axis(dense, y_shape=(5, 40, 3)).given_back_at == "r"


def test_steps_that_run_backwards_fit_and_yet_do_not():
    model = chain(L.LSTM(8, return_sequences=True, go_backwards=True, name="b"), L.Dense(1, name="h"))
    report = tsw.time_axis(model, y_shape=(5, 40, 1))
    assert report.fits
    assert "last step to the first" in report.problems[0]
    inside = L.Bidirectional(L.LSTM(8, return_sequences=True))
    assert not tsw.time_axis(chain(inside, L.Dense(1)), y_shape=(5, 40, 1)).problems


def test_one_number_a_step_without_an_axis_for_it():
    layers = [L.Conv1D(8, 5, padding="causal"), L.Dense(1), L.Flatten(name="f"), L.Activation("sigmoid", name="a")]
    report = tsw.time_axis(chain(*layers), y_shape=(5, 40))
    assert (report.lost_at, report.fits) == (None, True)
    assert (row(report, "a").n_steps, row(report, "a").size) == (40, 5)


# ------------------------------------------------------------------------------------------------ what the graph says


@pytest.mark.parametrize("name", sampled(CASES, 6))
def test_every_kind_of_model(name):
    """Steps as they are when the model runs, spans as `receptive_field` has them, and nothing changed."""
    found = CASES[name]()
    probe = tsw.Probe(found.model, found.x)
    before = [np.asarray(weight).tobytes() for weight in found.model.weights]
    report = tsw.time_axis(found.model, x=found.x, y_shape=(None, 3))
    assert [np.asarray(weight).tobytes() for weight in found.model.weights] == before
    seen = probe.observe(found.x)
    taps = {tap.name: tap for tap in probe.taps}
    for layer in report.layers:
        if layer.layer_class == "Input":
            continue
        assert layer.shape == seen[layer.layer].shape[1:], layer.layer
        tap = taps[layer.layer]
        if tap.kind == "sequence" and layer.n_steps is not None and layer.size is not None:
            try:
                field = tsw.receptive_field(probe, layer.layer, report.n_timesteps)
            except ValueError:
                continue
            assert (layer.n_steps, layer.size) == (len(field.lo), field.size), layer.layer
    assert report.model in repr(report)
    assert report._repr_html_().count("<tr") == len(report.layers) + 1


def test_an_unbuilt_model_stays_as_it_is():
    model = keras.Sequential([L.Conv1D(8, 3, name="c"), L.GlobalAveragePooling1D(name="g"), L.Dense(1, name="h")])
    random.seed(3)
    expected = random.random()
    random.seed(3)
    report = tsw.time_axis(model, (50, 2), (10, 50, 1))
    assert random.random() == expected
    assert not model.built
    assert not model.weights
    assert (report.steps, report.lost_at) == ("50 → 48 → none", "g")
    assert report.fixes == {"c": SAME, "g": OUT}


def test_names_and_metrics_of_the_user_stay_as_they_are():
    metric = keras.metrics.BinaryAccuracy()
    metric.update_state([1.0], [1.0])
    model = second_model()
    first = int(L.Dense(1).name.rpartition("_")[2]) if "_" in L.Dense(1).name else 0
    model.compile(loss="mse", metrics=[metric, "mae"])
    tsw.time_axis(model, y_shape=(5, 400))
    assert float(metric.result()) == 1.0
    assert not model._compile_metrics.built
    second = int(L.Dense(1).name.rpartition("_")[2])
    assert second - first <= 2


def test_a_free_length_needs_a_length():
    model = chain(L.Conv1D(4, 5, name="c"), L.LSTM(2, name="l"), shape=(None, 3))
    for options in ({"input_shape": (70, 3)}, {"x": np.zeros((2, 70, 3), "float32")}, {"input_shape": (None, 70, 3)}):
        assert tsw.time_axis(model, **options).steps == "70 → 66 → none"
    assert tsw.time_axis(model, input_shape=(30, 3)).steps == "30 → 26 → none"


def test_inputs_with_lengths_of_their_own():
    """An encoder of 30 steps and a decoder of 12: the labels are the decoder's."""
    series, given = keras.Input((30, 3), name="series"), keras.Input((12, 2), name="given")
    state = L.GRU(4, name="encoder")(L.Conv1D(4, 5, name="conv")(series))
    steps = L.GRU(4, return_sequences=True, name="decoder")(given, initial_state=state)
    model = keras.Model([series, given], L.Dense(2, name="head")(steps), name="seq2seq")
    report = tsw.time_axis(model, y_shape=(5, 12, 2))
    assert (report.n_timesteps, report.lost_at, report.fits) == (12, None, True)
    assert row(report, "given").n_steps == 12
    assert row(report, "series").n_steps is None
    free = keras.Input((None, 3), name="series")
    model = keras.Model([free, given], L.Dense(2)(L.GRU(4, return_sequences=True)(given, initial_state=L.GRU(4)(free))))
    assert tsw.time_axis(model, {"series": (77, 3), "given": (12, 2)}, (5, 12, 2)).fits
    assert tsw.time_axis(model, [(77, 3), (12, 2)], (5, 77, 2)).n_timesteps == 77


def test_several_outputs():
    model = case("several_outputs").model
    assert tsw.time_axis(model, y_shape=(5, 9, 1), output=1).fits
    assert not tsw.time_axis(model, y_shape=(5, 9, 1), output=0).fits
    assert tsw.time_axis(model, y_shape=(5,), output=0, loss=["sparse_categorical_crossentropy", "mse"]).fits


# --------------------------------------------------------------------------------------------------- what Keras does

T = 7
RIGHT, SILENT, REFUSED = "right", "silent", "refused"
LOSSES = [
    ("mse", (1,), (T, 1), SILENT),
    ("mae", (1,), (T, 1), SILENT),
    ("mse", (1,), (T,), SILENT),
    ("mse", (T,), (T, 1), RIGHT),
    ("mae", (T,), (T,), RIGHT),
    ("mse", (T, 1), (T,), RIGHT),
    ("mse", (T, 1), (T, 1), RIGHT),
    ("mse", (T, 1), (), SILENT),
    ("mse", (T, 1), (1,), SILENT),
    ("mse", (T,), (1,), SILENT),
    ("mse", (T,), (), REFUSED),
    ("mse", (T, 3), (T, 1), SILENT),
    ("mse", (T, 3), (T,), REFUSED),
    ("mse", (4, 1), (T, 1), REFUSED),
    ("huber", (1,), (T, 1), SILENT),
    ("log_cosh", (T, 1), (1,), SILENT),
    (keras.losses.MeanSquaredError, (1,), (T, 1), SILENT),
    (keras.losses.mean_absolute_error, (1,), (T, 1), SILENT),
    ("binary_crossentropy", (1,), (T, 1), REFUSED),
    ("binary_crossentropy", (T, 1), (), REFUSED),
    ("binary_crossentropy", (T,), (T, 1), RIGHT),
    ("binary_crossentropy", (T, 1), (T,), RIGHT),
    ("sparse_categorical_crossentropy", (T, 3), (T,), RIGHT),
    ("sparse_categorical_crossentropy", (T, 3), (T, 1), RIGHT),
    ("sparse_categorical_crossentropy", (3,), (T, 1), REFUSED),
    ("sparse_categorical_crossentropy", (T, 1), (1,), SILENT),
    ("categorical_crossentropy", (T, 3), (T, 3), RIGHT),
    ("categorical_crossentropy", (3,), (T, 3), REFUSED),
]
FORMULAS = {
    "mse": lambda y, p: np.mean((y - p) ** 2),
    "mae": lambda y, p: np.mean(np.abs(y - p)),
    "binary_crossentropy": lambda y, p: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "categorical_crossentropy": lambda y, p: -np.mean(np.sum(y * np.log(p / p.sum(-1, keepdims=True)), -1)),
    "sparse_categorical_crossentropy": lambda y, p: (
        -np.mean(np.log(np.take_along_axis(p / p.sum(-1, keepdims=True), y.reshape(*p.shape[:-1], 1).astype(int), -1)))
    ),
}


def answering(output):
    """A model with a time axis of T steps, whose answers have the given shape."""
    x = keras.Input((T, 2))
    if len(output) == 2 and output[0] == T:
        h = L.Dense(output[1], activation="softmax" if output[1] > 1 else "sigmoid")(L.Conv1D(3, 3, padding="same")(x))
    else:
        h = L.Reshape(output)(L.Dense(int(np.prod(output)), activation="sigmoid")(L.GlobalMaxPooling1D()(x)))
    return keras.Model(x, h)


def trained(output, y_sizes, **options):
    """(what Keras reports, labels, answers) for one batch in graph mode, as `fit` runs it."""
    model, rng = answering(output), np.random.default_rng(1)
    n_classes = output[-1] if "sparse" in str(options.get("loss")) and output[-1] > 1 else 2
    x, y = rng.normal(size=(5, T, 2)).astype("float32"), rng.integers(0, n_classes, (5, *y_sizes)).astype("float32")
    answers = np.asarray(model(x, training=False))
    model.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=False, **options)
    return np.atleast_1d(model.train_on_batch(x, y)), y, answers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("loss", "output", "y_sizes", "verdict"), LOSSES)
def test_losses_that_broadcast_and_those_that_refuse(loss, output, y_sizes, verdict):
    """What is said of a loss is what Keras does when it trains."""
    loss = loss() if isinstance(loss, type) else loss
    if verdict == REFUSED:
        with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
            trained(output, y_sizes, loss=loss)
    else:
        reported, y, answers = trained(output, y_sizes, loss=loss)
        right = FORMULAS.get(loss, FORMULAS["mse"]) if isinstance(loss, str) else FORMULAS["mse"]
        if verdict == RIGHT:
            aligned = y.reshape(answers.shape) if y.size == answers.size else y
            assert np.isclose(reported[0], right(aligned, answers), rtol=1e-3)
        else:
            assert y.size != answers.size
            assert np.isfinite(reported[0])
    report = tsw.time_axis(answering(output), y_shape=(None, *y_sizes), loss=loss)
    said = " ".join(report.problems)
    assert ("says nothing" in said) == (verdict == SILENT), said
    assert ("refuse" in said) == (verdict == REFUSED), said
    assert report.fits == (verdict == RIGHT)


ACCURACIES = [
    ((T, 1), (T, 1), True),
    ((T, 1), (T,), True),
    ((T,), (T, 1), False),
    ((T,), (T,), False),
    ((1,), (1,), True),
    ((1,), (), True),
]


@pytest.mark.parametrize(
    ("output", "y_sizes", "is_binary", "name"),
    in_gate(
        [(*one, name) for one in ACCURACIES for name in ("accuracy", "acc")],
        *((*one, "accuracy") for one in ACCURACIES),
        (*ACCURACIES[2], "acc"),
    ),
)
def test_accuracy_is_binary_or_it_is_said(output, y_sizes, is_binary, name):
    reported, y, answers = trained(output, y_sizes, loss="mse", metrics=[name])
    binary = np.mean((answers > 0.5) == y.reshape(answers.shape))
    assert np.isclose(reported[1], binary) == is_binary
    report = tsw.time_axis(answering(output), y_shape=(None, *y_sizes), loss="mse", metrics=[name])
    assert ("Use 'binary_accuracy'" in " ".join(report.problems)) == (not is_binary)


def test_what_is_recommended_in_its_place_is_right():
    for y_sizes in ((T, 1), (T,)):
        reported, y, answers = trained((T,), y_sizes, loss="mse", metrics=["binary_accuracy"])
        assert np.isclose(reported[1], np.mean((answers > 0.5) == y.reshape(answers.shape)))
        report = tsw.time_axis(answering((T,)), y_shape=(None, *y_sizes), loss="mse", metrics=["binary_accuracy"])
        assert not report.problems


def test_steps_taken_for_classes():
    report = tsw.time_axis(second_model(), y_shape=(5, 400), loss="categorical_crossentropy")
    assert "400 steps as 400 classes" in report.problems[0]
    report = tsw.time_axis(chain(L.Dense(1)), y_shape=(5, 40, 1), loss="categorical_crossentropy")
    assert "a single class" in report.problems[0]
    classes = chain(L.LSTM(4), L.Dense(40, activation="softmax"))
    report = tsw.time_axis(classes, y_shape=(5, 40), loss="categorical_crossentropy", metrics=["accuracy"])
    assert report.fits
    assert not report.problems


def test_class_numbers_and_one_hot_labels_for_the_other_loss():
    model = chain(L.Dense(3, activation="softmax"))
    report = tsw.time_axis(model, y_shape=(5, 40, 1), loss="categorical_crossentropy")
    assert "Use 'sparse_categorical_crossentropy'" in report.problems[0]
    assert not report.fixes
    report = tsw.time_axis(model, y_shape=(5, 40, 3), loss="sparse_categorical_crossentropy")
    assert "Use 'categorical_crossentropy'" in report.problems[0]
    assert not report.fixes


def test_losses_of_the_users_own_are_left_alone():
    model = chain(L.LSTM(4), L.Dense(1))
    report = tsw.time_axis(model, y_shape=(5, 40, 1), loss=lambda y, p: keras.ops.mean(p), metrics=[lambda y, p: 1 / 0])
    assert len(report.problems) == 1


def test_the_loss_of_a_compiled_model():
    model = chain(L.LSTM(4), L.Dense(1))
    model.compile(loss="mae", metrics=["mse"])
    assert "'mae' and 'mse' spread" in " ".join(tsw.time_axis(model, y_shape=(5, 40, 1)).problems)
    assert "refuse" in " ".join(tsw.time_axis(model, y_shape=(5, 40, 1), loss="binary_crossentropy").problems)


# ------------------------------------------------------------------------------------------------------ on the page


def test_the_table():
    text = repr(tsw.time_axis(first_model(), y_shape=(476, 400, 1)))
    assert "Time axis of 'chain': 400 → 393 → 98 → none steps" in text
    assert re.search(r"pool1 \(MaxPooling1D\) +\(98, 32\) +98 +11 +4 +pooled", text)
    assert "lstm1: return_sequences=True" in text


def test_the_page_is_escaped_and_has_no_script():
    html = tsw.time_axis(case("odd_names").model)._repr_html_()
    assert "<b>bold&</b>" not in html
    assert "&lt;b&gt;bold&amp;" in html
    assert "<script" not in html
    assert html.count("<svg") == html.count("</svg>") > 5


# ------------------------------------------------------------------------------------------------------- bad input

FREE = chain(L.LSTM(2), shape=(None, 3))
FIXED = chain(L.LSTM(2), shape=(20, 3))


@pytest.mark.parametrize(
    ("kind", "words", "model", "options"),
    [
        (TypeError, "Keras 3 model", "model.keras", {}),
        (ValueError, "takes any length", FREE, {}),
        (ValueError, "has not been built", keras.Sequential([L.LSTM(2)]), {}),
        (ValueError, "(20, 3)", FIXED, {"input_shape": (30, 3)}),
        (ValueError, "(any, 3)", FREE, {"input_shape": (30,)}),
        (ValueError, "(0, 3)", FREE, {"input_shape": (0, 3)}),
        (TypeError, "400", FREE, {"input_shape": 400}),
        (TypeError, "'400'", FREE, {"input_shape": "400"}),
        (ValueError, "takes any length", FREE, {"input_shape": (None, 3)}),
        (ValueError, "one of x and input_shape", FREE, {"input_shape": (9, 3), "x": np.zeros((1, 9, 3))}),
        (ValueError, "(1, 9, 4)", FREE, {"x": np.zeros((1, 9, 4))}),
        (ValueError, "one of y and y_shape", FIXED, {"y": np.zeros((1, 20)), "y_shape": (1, 20)}),
        (TypeError, "400", FIXED, {"y_shape": 400}),
        (ValueError, "(5, -1)", FIXED, {"y_shape": (5, -1)}),
        (ValueError, "()", FIXED, {"y_shape": ()}),
        (ValueError, "no array", FIXED, {"y": [[1, 2], [3]]}),
        (ValueError, "3 in y and 2 in x", FIXED, {"x": np.zeros((2, 20, 3)), "y": np.zeros((3, 20))}),
        (ValueError, "number of an output", FIXED, {"output": 1}),
        (ValueError, "number of an output", FIXED, {"output": "steps"}),
        (ValueError, "loss that Keras knows", FIXED, {"y_shape": (5, 20), "loss": "mean_square"}),
        (ValueError, "metric that Keras knows", FIXED, {"y_shape": (5, 20), "metrics": ["precise"]}),
        (ValueError, "unlike", keras.Sequential([L.Conv2D(2, 3)]), {"input_shape": (9, 3)}),
        (ValueError, "has time steps", functional(lambda x: L.Dense(2)(L.Reshape((1,))(x)), shape=()), {}),
    ],
)
def test_bad_input(kind, words, model, options):
    with pytest.raises(kind) as caught:
        tsw.time_axis(model, **options)
    assert THREE_PARTS.match(str(caught.value)), str(caught.value)
    assert words in str(caught.value)
