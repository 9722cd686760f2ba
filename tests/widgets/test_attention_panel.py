"""The panel of query steps × key steps, without a browser: scores by NumPy, placed where the keys lie in time."""

from __future__ import annotations

import io
import re
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest
import traitlets
from keras import layers as L
from PIL import Image

import tswidgets as tsw
from tests.models import CASES, case, in_gate, padded_series, randomise, series
from tests.probe.test_attention import additive, assert_close, fails_in_old_keras, heads, softmax
from tswidgets.widgets.panels.attention import looks_most

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+[.?]$", re.DOTALL)
ATTENDING = ["transformer", "causal_transformer", "attention", "additive_attention", "forecaster"]  # of all, see below


def explore(model: Any, X: Any, layer: str = "attention", **options: Any) -> tsw.Explorer:
    explorer = tsw.Explorer(model, X, panels=["attention", "activations"], **options)
    explorer.panel, explorer.layer = "attention", layer
    return explorer


def band(explorer: tsw.Explorer) -> np.ndarray:
    """The colour behind the series, as the legend reads it: (n_timesteps,)."""
    return np.frombuffer(explorer._panel.series.legend.quantity, np.float32)


def lit(explorer: tsw.Explorer) -> np.ndarray:
    """Which cells of the picture are painted: bool (n_rows, n_columns)."""
    picture = Image.open(io.BytesIO(explorer._panel.matrix._raster.image.image.value)).convert("RGBA")
    return np.asarray(picture)[..., 3] > 0


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    """Self-attention of three heads behind a convolution of the same length."""
    x = keras.Input((None, 3))
    h = L.Conv1D(6, 3, padding="same", name="conv")(x)
    attention = L.MultiHeadAttention(3, 4, name="attention")
    return randomise(keras.Model(x, L.Dense(2, name="head")(L.GlobalAveragePooling1D()(attention(h, h)))))


X = series(4, 20, 3)
CENTRES = np.array([0.5, *range(1, 19), 18.5])  # of what a kernel of 3 sees of 20 steps


# ------------------------------------------------------------------------------------------------------ self-attention


def test_scores_are_the_softmax_of_queries_and_keys(classifier: keras.Model) -> None:
    h = np.asarray(classifier.get_layer("conv")(X[:1]))
    expected = heads(classifier.get_layer("attention"), h, h)[0]
    with explore(classifier, X) as explorer:
        data = explorer.data()
        assert_close(data["scores"], expected)
        np.testing.assert_allclose(data["shown"], expected.mean(axis=0), atol=1e-5)
        np.testing.assert_array_equal(data["key_time"], CENTRES)
        np.testing.assert_array_equal(data["query_time"], CENTRES)
        assert (data["head"], data["query_step"]) == (None, 0)
        assert_close(data["scores"], tsw.attention_scores(classifier, X[:1], "attention").scores[0])
        explorer.head, explorer.query_step = 2, 7
        data = explorer.data()
        np.testing.assert_allclose(data["shown"], expected[2], atol=1e-5)
        np.testing.assert_allclose(band(explorer), expected[2, 7], atol=1e-5)
        assert np.allclose(np.frombuffer(explorer._panel.cursor.values, np.float32).reshape(20, 20), data["shown"].T)


def test_a_line_marks_each_query_s_own_place(classifier: keras.Model) -> None:
    with explore(classifier, X, sampling_rate=10) as explorer:
        own = explorer._panel.matrix._own
        assert own.visible
        np.testing.assert_allclose(own.x, CENTRES / 10, atol=1e-6)
        np.testing.assert_array_equal(own.y, np.arange(20))


def test_a_click_on_a_row_and_a_choice_of_the_menu(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        panel: Any = explorer._panel
        assert panel.choice.menu.layout.display is None
        assert [value for _, value in panel.choice.menu.options] == [-1, 0, 1, 2]
        panel.cursor.filter = 11  # as the browser does
        assert explorer.query_step == 11 and explorer.selection.query_step == 11
        np.testing.assert_array_equal(panel.matrix._raster.chosen.y, [[10.5] * 2, [11.5] * 2])
        assert "query step 11 looks most at key step" in explorer._status.value
        assert "what query step 11 looks at" in panel.series._caption.value
        panel.choice.menu.value = 1
        assert explorer.head == 1 and "head 1" in panel.matrix._caption.value
        panel.choice.menu.value = -1
        assert explorer.head is None and "mean of 3 heads" in panel.matrix._caption.value
        explorer.head, explorer.query_step = 0, -1
        assert (panel.choice.menu.value, panel.cursor.filter, explorer.query_step) == (0, 19, 19)
        explorer.query_step = explorer.head = None
        assert (panel.choice.menu.value, panel.cursor.filter, explorer.data()["query_step"]) == (-1, 0, 0)


def test_the_scale_ends_at_the_largest_score_seen(classifier: keras.Model) -> None:
    most = [tsw.attention_scores(classifier, x[None], "attention").scores[0].mean(axis=0).max() for x in X]
    order = np.argsort(most)[[1, 0, 3, 2]]  # once it stays, once it grows
    with explore(classifier, X) as explorer:
        seen = [most[0]]
        for sample in order.tolist():
            explorer.sample = sample
            seen.append(most[sample])
            assert explorer._pictures["attention"].largest == pytest.approx(max(seen))  # type: ignore[attr-defined]
            assert f"{max(seen):.3g}" in explorer._panel.matrix.colors.value


def test_the_scale_of_one_query(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        whole = explorer._pictures["attention"]
        explorer.scale, explorer.query_step = "sample", 5
        shown = explorer.data()["shown"]
        picture: Any = explorer._pictures["attention"]
        assert picture.largest == pytest.approx(shown[5].max())
        explorer.scale = "filter"
        assert explorer._pictures["attention"].largest == whole.largest  # type: ignore[attr-defined]


def test_the_first_causal_queries_do_not_take_all_colour() -> None:
    """The first query has one key and gives it 1, whatever it is."""
    x = keras.Input((40, 3))
    layer = L.MultiHeadAttention(2, 4, name="attention")
    model = randomise(keras.Model(x, layer(x, x, use_causal_mask=True)))
    with explore(model, series(2, 40, 3)) as explorer:
        shown = explorer.data()["shown"]
        picture: Any = explorer._pictures["attention"]
        assert shown[0, 0] == pytest.approx(1)
        assert picture.largest == pytest.approx(shown[10:].max()) and picture.largest < 0.9
        assert "some values lie beyond the scale" in explorer._panel.matrix.colors.value


def test_causal_attention_leaves_the_future_empty() -> None:
    found = case("causal_transformer")
    embedded = found.expected(found.x)["embedded"][:1]
    expected = heads(found.model.get_layer("attention"), embedded, embedded, np.tri(8, dtype=bool))[0]
    with explore(found.model, found.x) as explorer:
        data = explorer.data()
        assert_close(data["scores"], expected)
        assert (np.triu(data["shown"], 1) == 0).all()
        assert not (lit(explorer) & np.triu(np.ones((8, 8), bool), 1)).any()
        assert lit(explorer).any()
        assert "query step 0 looks most at key step 0: 100 % of its attention" in explorer._status.value


@fails_in_old_keras
@pytest.mark.parametrize("causal", [False, True])
def test_padding_is_absent(causal: bool) -> None:
    """Rows of padding and keys of padding: not drawn, NaN in what is shown, and never scored."""
    x = keras.Input((None, 3))
    masked = L.Masking(name="masking")(x)
    layer = L.MultiHeadAttention(2, 4, name="attention")
    model = randomise(keras.Model(x, layer(masked, masked, use_causal_mask=causal)))
    X = padded_series(3, 12, 3)
    with explore(model, X) as explorer:
        for sample, n in enumerate((10, 7, 4)):
            explorer.sample = sample
            data = explorer.data()
            allowed = np.tri(n, dtype=bool) if causal else True
            expected = heads(layer, X[sample : sample + 1, :n], X[sample : sample + 1, :n], allowed)[0]
            np.testing.assert_allclose(data["shown"][:n, :n], expected.mean(axis=0), atol=1e-5)
            assert np.isnan(data["shown"][n:]).all() and np.isnan(data["shown"][:, n:]).all()
            assert (data["scores"][:, :n, n:] == 0).all()
            assert lit(explorer)[:n, :n].any()
            assert not lit(explorer)[n:].any() and not lit(explorer)[:, n:].any()
            assert f"12 query steps ({12 - n} padding)" in explorer._panel.matrix._caption.value
            explorer.query_step = n - 1
            np.testing.assert_allclose(band(explorer)[:n], expected.mean(axis=0)[n - 1], atol=1e-5)
            assert np.isnan(band(explorer)[n:]).all()
            explorer.query_step = n
            assert f"query step {n} is padding" in explorer._status.value
            assert np.isnan(band(explorer)).all()


# ----------------------------------------------------------------------------------------------------- cross-attention


def test_decoder_steps_look_at_encoder_steps() -> None:
    """The keys stand at the centres of the strided convolution; the decoder's series has an axis of its own."""
    found = case("forecaster")
    taps = found.expected(found.x)
    expected = softmax(np.einsum("bqd,bkd->bqk", taps["decoder"], taps["encoder"]))
    with explore(found.model, found.x) as explorer:
        for sample in (0, 1):
            explorer.sample, explorer.query_step = sample, 4
            data, panel = explorer.data(), explorer._panel
            assert_close(data["scores"][0], expected[sample])
            np.testing.assert_array_equal(data["input"], found.x["past"][sample])
            np.testing.assert_array_equal(data["key_time"], [1, 3, 5, 7, 9, 11])
            np.testing.assert_array_equal(data["query_time"], np.arange(6))
            at = np.clip(np.arange(13), 1, 11)
            by_hand = np.interp(at, [1, 3, 5, 7, 9, 11], expected[sample, 4])
            np.testing.assert_allclose(band(explorer)[:13], by_hand, atol=1e-5)
            assert np.isnan(band(explorer)[13])  # which no step of the convolution sees
            [other], [asking] = panel.others.values(), panel._asking.values()
            assert [box.layout.display for box in asking] == [None, None]
            np.testing.assert_array_equal(other._series._lines.marks[0].y, found.x["known"][sample].T)
            np.testing.assert_array_equal(other._span.x, [[3.5] * 2, [4.5] * 2])
            assert not panel.matrix._own.visible
            assert panel.choice.menu.layout.display == "none"


def test_equal_lengths_are_still_two_axes() -> None:
    past, known = keras.Input((7, 2), name="past"), keras.Input((7, 2), name="known")
    key, value = L.Dense(4, name="key")(past), L.Dense(3, name="value")(past)
    query = L.Dense(4, name="query")(known)
    layer = L.MultiHeadAttention(2, 3, name="attention")
    model = randomise(keras.Model([past, known], L.Dense(1)(layer(value=value, key=key, query=query))))
    a, b = series(2, 7, 2), series(2, 7, 2, seed=1)
    dense = [np.asarray(model.get_layer(name)(x)) for name, x in (("query", b), ("key", a))]
    with explore(model, [a, b]) as explorer:
        data = explorer.data()
        assert_close(data["scores"], heads(layer, *dense)[0])
        np.testing.assert_array_equal(data["input"], a[0])
        np.testing.assert_array_equal(explorer._panel.others[1]._series._lines.marks[0].y, b[0].T)
        explorer.panel = "activations"
        np.testing.assert_array_equal(explorer.data()["input"], b[0])  # the layer itself is where its queries are


def test_additive_attention_of_a_last_state() -> None:
    found = case("additive_attention")
    taps = found.expected(found.x)
    expected = softmax(additive(found.model.get_layer("context"), taps["query"], taps["lstm"]))
    with explore(found.model, found.x, "context") as explorer:
        data = explorer.data()
        assert_close(data["scores"], expected[:1])
        np.testing.assert_allclose(band(explorer), expected[0, 0], atol=1e-5)
        assert data["shown"].shape == (1, 9)


def test_keys_of_a_strided_convolution_and_queries_of_every_step() -> None:
    x = keras.Input((23, 2))
    keys = L.Conv1D(4, 5, strides=3, name="conv")(x)
    layer = L.Attention(name="attention")
    model = randomise(keras.Model(x, layer([L.Dense(4, name="query")(x), keys])))
    X = series(1, 23, 2)
    q, k = (np.asarray(model.get_layer(name)(X)) for name in ("query", "conv"))
    expected = softmax(np.einsum("bqd,bkd->bqk", q, k))[0]
    with explore(model, X) as explorer:
        explorer.query_step = 22
        data = explorer.data()
        centres = np.arange(7) * 3 + 2
        np.testing.assert_array_equal(data["key_time"], centres)
        np.testing.assert_array_equal(data["query_time"], np.arange(23))
        by_hand = np.interp(np.arange(23), centres, expected[22])
        np.testing.assert_allclose(band(explorer), by_hand, atol=1e-5)
        fields = np.frombuffer(explorer._panel.cursor.fields, np.int32).reshape(-1, 2)
        np.testing.assert_array_equal(fields, np.stack([centres - 2, centres + 2], axis=1))


# ------------------------------------------------------------------------------------------------- which layer is shown


def test_another_layer_than_an_attending_one_shows_the_last_that_does() -> None:
    found = case("attention")
    h = found.expected(found.x)["lstm"]
    dot = softmax(np.einsum("bqd,bkd->bqk", h, h))[:1]
    scaled = softmax(np.asarray(found.model.get_layer("scaled").scale) * np.einsum("bqd,bkd->bqk", h, h))[:1]
    with explore(found.model, found.x, "dot") as explorer:
        for layer, shown, expected in (
            ("dot", "dot", dot),
            ("lstm", "scaled", scaled),
            ("scaled", "scaled", scaled),
            ("dot", "dot", dot),
        ):
            explorer.layer = layer
            data = explorer.data()
            assert data["layer"] == shown
            assert_close(data["scores"], expected)
            assert ("has no attention scores" in explorer._status.value) == (layer != shown)


def test_heads_and_steps_that_the_next_layer_lacks() -> None:
    x = keras.Input((9, 4))
    first = L.MultiHeadAttention(3, 2, name="first")(x, x)
    short = L.AveragePooling1D(3, name="pool")(first)
    second = L.MultiHeadAttention(2, 2, name="second")(short, first)
    model = randomise(keras.Model(x, L.Attention(name="third")([second, second])))
    with explore(model, series(2, 9, 4), "first") as explorer:
        explorer.head, explorer.query_step = 2, 8
        for layer, head, step in (("second", None, 2), ("third", None, 2), ("first", 2, 8)):
            explorer.layer = layer
            data = explorer.data()
            assert (data["head"], data["query_step"]) == (head, step)
            assert explorer._panel.choice.menu.layout.display == ("none" if layer == "third" else None)
        explorer.layer = "second"
        explorer.head = 1
        explorer.layer = "first"
        assert explorer.data()["head"] == 1
        with pytest.raises(IndexError, match=r"Expected head 0 to 2; got 3\. layer 'first' has 3"):
            explorer.head = 3


class Nearest(keras.Layer):
    """A layer of the user's own that knows its scores, with a memory that comes second."""

    def call(self, states: Any, memory: Any, return_attention_scores: bool = False) -> Any:
        far = keras.ops.abs(states[:, :, :1] - keras.ops.swapaxes(memory[:, :, :1], 1, 2))
        scores = keras.ops.softmax(-far)
        y = keras.ops.matmul(scores, memory)
        return (y, scores) if return_attention_scores else y


def test_a_layer_of_the_user_s_own() -> None:
    x = keras.Input((12, 2))
    memory = L.MaxPooling1D(4, name="pool")(x)
    model = keras.Model(x, Nearest(name="nearest")(x, memory))
    X = series(1, 12, 2)
    pooled = X.reshape(1, 3, 4, 2).max(axis=2)
    expected = softmax(-np.abs(X[:, :, :1] - pooled[:, None, :, 0]))
    with explore(model, X, "nearest") as explorer:
        data = explorer.data()
        assert_close(data["scores"], expected)
        np.testing.assert_array_equal(data["key_time"], [1.5, 5.5, 9.5])


def test_channels_that_are_folded_into_the_sample() -> None:
    """Each channel attends by itself: what is shown is their mean, and it says so."""
    x = keras.Input((12, 3))
    folded = keras.ops.reshape(L.Permute((2, 1))(x), (-1, 12, 1))
    attended = L.Attention(name="attention")([folded, folded])
    model = keras.Model(x, L.Permute((2, 1))(keras.ops.reshape(attended, (-1, 3, 12))))
    X = series(2, 12, 3)
    expected = np.stack([softmax(np.outer(one, one)) for one in X[1].T]).mean(axis=0)
    with explore(model, X) as explorer:
        explorer.sample = 1
        data = explorer.data()
        assert_close(data["scores"], expected[None])
        np.testing.assert_array_equal(data["key_time"], np.arange(12))
        assert "mean of 3 series that are folded into the sample" in explorer._panel.matrix._caption.value


def test_keys_without_a_place_in_time_are_said() -> None:
    """Channels that attend to each other: the last axis is time there."""
    x = keras.Input((12, 3))
    turned = L.Permute((2, 1), name="turned")(x)
    model = randomise(keras.Model(x, L.Attention(name="attention")([turned, turned])))
    with explore(model, series(1, 12, 3)) as explorer:
        data = explorer.data()
        assert data["key_time"] is None and data["scores"].shape == (1, 3, 3)
        assert "Nothing to draw" in explorer._panel.matrix._caption.value
        assert "no place in time" in explorer._status.value


@pytest.mark.parametrize("name", in_gate(ATTENDING, "causal_transformer", "attention", "forecaster"))
def test_it_opens_on_every_model_that_attends(name: str) -> None:
    found = case(name)
    with tsw.Explorer(found.model, found.x) as explorer:
        assert explorer.panels.index("attention") > 0
        explorer.panel = "attention"
        for layer in explorer.layers:
            explorer.layer = layer
            data = explorer.data()
            batch = explorer._subject.samples.batch(0)
            scores = tsw.attention_scores(found.model, batch, data["layer"]).scores[0]
            assert_close(data["scores"], scores)
            assert len(data["key_time"]) == scores.shape[2]


@pytest.mark.slow
def test_these_are_all_that_attend() -> None:
    assert [name for name in CASES if tsw.Probe(case(name).model, case(name).x).calls.attending] == ATTENDING


def test_models_without_attention_have_no_such_panel() -> None:
    found = case("sequential")
    with tsw.Explorer(found.model, found.x) as explorer:
        assert "attention" not in explorer.panels
        explorer.head = None
        for trait in ("head", "query_step"):
            with pytest.raises(ValueError) as error:
                setattr(explorer, trait, 0)
            assert THREE_PARTS.match(str(error.value)), error.value
            assert getattr(explorer, trait) is None


@pytest.mark.parametrize("trait, value", [("head", 3), ("head", -4), ("query_step", 20)])
def test_what_does_not_exist_is_refused(classifier: keras.Model, trait: str, value: int) -> None:
    with explore(classifier, X) as explorer:
        with pytest.raises(IndexError) as error:
            setattr(explorer, trait, value)
        assert THREE_PARTS.match(str(error.value)), error.value
        assert "layer 'attention'" in str(error.value)
        assert getattr(explorer, trait) is None
        with pytest.raises(traitlets.TraitError):
            setattr(explorer, trait, "first")


# -------------------------------------------------------------------------------------------------- attention received


def test_attention_received_lies_where_the_keys_are() -> None:
    """As many queries as keys, which are not the same steps: every other pooled pair against a strided convolution."""
    x = keras.Input((20, 2))
    keys = L.Conv1D(4, 6, strides=2, name="conv")(x)  # 8 steps: centres 2.5, 4.5, …
    query = L.Dense(4, name="query")(L.Cropping1D((0, 12), name="start")(x))  # 8 steps: 0, 1, …
    model = randomise(keras.Model(x, L.Attention(name="attention")([query, keys])))
    X = series(1, 20, 2)
    q, k = np.asarray(model.get_layer("query")(X[:, :8])), np.asarray(model.get_layer("conv")(X))
    expected = softmax(np.einsum("bqd,bkd->bqk", q, k))[0].mean(axis=0)
    with tsw.Explorer(model, X, panels=["attribution"]) as explorer:
        explorer.layer, explorer.method = "attention", "attention"
        time, values = explorer.data()["own"]
        np.testing.assert_array_equal(time, np.arange(8) * 2 + 2.5)
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_attention_received_on_another_axis_is_not_put_on_this_one() -> None:
    found = case("forecaster")  # six queries, six keys
    with tsw.Explorer(found.model, found.x, panels=["activations", "attribution"]) as explorer:
        explorer.layer, explorer.method = "attention", "attention"
        explorer.panel = "attribution"
        assert explorer.data()["values"] is None
        assert "another time axis" in explorer._status.value


def test_closing_leaves_nothing(classifier: keras.Model) -> None:
    found = case("forecaster")
    before = set(ipywidgets.widgets.widget._instances)
    for model, x in ((classifier, X), (found.model, found.x)):
        explorer = explore(model, x)
        explorer.query_step = 3
        explorer.data()
        explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= before


@pytest.mark.parametrize(
    "row, words",
    [
        ([0.1, 0.6, 0.3, 0.0], "looks most at key steps 1, 2: 90 % of its attention"),
        ([0.25, 0.25, 0.25, 0.25], "looks at all 4 key steps nearly alike, most at key step 0: 25 % of its attention"),
        ([0.2, 0.3, 0.2, 0.3], "looks at all 4 key steps nearly alike, most at key step 1: 30 % of its attention"),
        ([0, 0, 0, 0], "looks at no key step"),
        ([np.nan] * 4, "is padding"),
        ([np.nan, 1, 0, np.nan], "looks most at key step 1: 100 % of its attention"),
        ([0.2, 0.2, 0.15, 0.45], "looks most at key step 3: 45 % of its attention"),
    ],
)
def test_what_is_said_of_a_row(row: list[float], words: str) -> None:
    assert looks_most(np.array(row, np.float32)) == words
