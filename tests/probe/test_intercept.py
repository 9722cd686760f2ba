"""The hook sees every call, can replace any result, and leaves nothing behind."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests import reference
from tests.models import CASES, case, series
from tswidgets.probe.intercept import intercepting, mask_of, tensors_in

LAYER_CALL, OPERATION_CALL = keras.Layer.__call__, keras.Operation.__call__


@pytest.fixture(autouse=True)
def nothing_left_behind():
    yield
    assert keras.Layer.__call__ is LAYER_CALL
    assert keras.Operation.__call__ is OPERATION_CALL


def names_seen(into):
    def handler(call, result):
        if not call.before_activation:
            into.append(call.operation.name)
        return result

    return handler


def replacing(name, function):
    return lambda call, result: function(result) if call.operation.name == name else result


def test_sees_each_call_once_with_its_tensors_and_parents():
    """Inner layers are reported before the model that holds them, with what went in and came out."""
    found = case("nested")
    calls = []
    with intercepting(lambda call, result: (calls.append((call, result)), result)[1]):
        output = found.model(found.x)
    layers = [(c, r) for c, r in calls if isinstance(c.operation, keras.Layer) and not c.before_activation]
    assert [c.operation.name for c, _ in layers] == ["conv1", "pool", "encoder", "conv1", "gap", "nested"]
    first, encoder, last = layers[0][0], layers[2][0], layers[-1][0]
    assert [parent.name for parent in first.parents] == ["nested", "encoder"]
    assert [parent.name for parent in encoder.parents] == ["nested"]
    assert last.parents == ()
    np.testing.assert_array_equal(first.inputs[0], found.x)
    assert first.outputs[0] is layers[0][1]
    assert last.outputs[0] is output


def test_is_installed_only_while_a_block_is_open():
    with intercepting(lambda call, result: result):
        assert keras.Layer.__call__ is not LAYER_CALL
        assert keras.Operation.__call__ is not OPERATION_CALL
    assert keras.Layer.__call__ is LAYER_CALL
    assert keras.Operation.__call__ is OPERATION_CALL


class Failing(keras.Layer):
    def call(self, x):
        raise RuntimeError("the layer's own mistake")


def test_leaves_nothing_behind_after_a_layer_fails():
    """The layer's error reaches the caller, the hook is gone, and a new block starts with no parents."""
    calls = []
    layer = Failing()
    with pytest.raises(RuntimeError, match="the layer's own mistake"), intercepting(names_seen(calls)):
        layer(np.zeros((1, 2), "float32"))
    assert keras.Layer.__call__ is LAYER_CALL
    assert calls == []


def test_parents_are_right_after_a_failure_inside_the_same_block():
    calls = []
    failing, dense = Failing(), L.Dense(2, name="dense")
    x = np.zeros((1, 2), "float32")
    with intercepting(lambda call, result: (calls.append(call), result)[1]):
        with pytest.raises(RuntimeError):
            failing(x)
        dense(x)
    assert [(c.operation.name, c.parents) for c in calls] == [("dense", ())]


def test_leaves_nothing_behind_after_the_handler_fails():
    def handler(call, result):
        raise KeyError("the handler's mistake")

    found = case("sequential")
    with pytest.raises(KeyError), intercepting(handler):
        found.model(found.x)
    assert keras.Layer.__call__ is LAYER_CALL
    calls = []
    with intercepting(names_seen(calls)):
        found.model.layers[0](found.x)
    assert calls == ["conv1"]


def test_nested_blocks_act_one_at_a_time():
    """The innermost handler is asked; the outer one is back afterwards, also when the inner block failed."""
    layer, x = case("sequential").model.layers[0], case("sequential").x
    outer, inner = [], []
    with intercepting(names_seen(outer)):
        layer(x)
        with pytest.raises(ZeroDivisionError), intercepting(names_seen(inner)):
            layer(x)
            raise ZeroDivisionError
        assert keras.Layer.__call__ is not LAYER_CALL
        layer(x)
    assert outer == ["conv1", "conv1"]
    assert inner == ["conv1"]


def test_acts_only_in_its_own_thread():
    """While one thread observes, another thread's model runs unseen and unchanged."""
    found = case("sequential")
    expected = np.asarray(found.model(found.x))
    seen, results = [], []
    with intercepting(lambda call, result: (seen.append(call), result * 0)[1]):
        worker = threading.Thread(target=lambda: results.append(np.asarray(found.model(found.x))))
        worker.start()
        worker.join()
    assert seen == []
    np.testing.assert_array_equal(results[0], expected)


def test_two_threads_at_once_see_their_own_calls():
    """Blocks that overlap in time, opened and closed in either order, do not mix and do not unhook each other."""
    built = {name: CASES[name]() for name in ("sequential", "dag")}
    both_open, first_closed = threading.Barrier(2, timeout=30), threading.Event()
    seen = {name: [] for name in built}
    failures = []

    def run(name, waits):
        try:
            with intercepting(names_seen(seen[name])):
                both_open.wait()
                if waits:  # this block goes on after the other has been closed
                    assert first_closed.wait(timeout=30)
                built[name].model(built[name].x)
        except BaseException as error:
            failures.append(error)
        finally:
            if not waits:
                first_closed.set()

    threads = [threading.Thread(target=run, args=pair) for pair in (("sequential", False), ("dag", True))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen["sequential"][-2:] == ["head", "listed"]
    assert "conv2" in seen["sequential"]
    assert "conv2" not in seen["dag"]
    assert seen["dag"][-3:] == ["pooled", "head", "dag"]


def test_sees_operations_that_are_no_layers():
    """`x + 1` in a functional model is an operation: seen, and replaceable."""
    x = keras.Input((5, 2))
    model = keras.Model(x, keras.ops.relu(x + 1.0))
    sample, seen = series(1, 5, 2), []
    with intercepting(lambda call, result: (seen.append(type(call.operation).__name__), result)[1]):
        model(sample)
    assert [name for name in seen if name in ("Add", "Relu")] == ["Add", "Relu"]
    with intercepting(lambda call, result: result - 3.0 if type(call.operation).__name__ == "Add" else result):
        replaced = model(sample)
    np.testing.assert_allclose(replaced, np.maximum(sample - 2, 0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "traced"])
def test_replacing_equals_an_independent_computation(compiled):
    """Two filters of the first convolution set to 0: the rest of the model in NumPy gives the same probabilities."""
    found = case("sequential")
    keep = np.array([1, 0, 1, 0], "float32")

    def run(x):
        with intercepting(replacing("conv1", lambda result: result * keep)):
            return found.model(x, training=False)

    run = tf.function(run, autograph=False) if compiled else run
    weights = {layer.name: [np.asarray(w) for w in layer.weights] for layer in found.model.layers}
    for x, answer in zip(found.x, np.asarray(run(tf.constant(found.x))), strict=True):
        h = reference.conv1d(x, *weights["conv1"]) * keep
        h = reference.max_pool1d(reference.relu(reference.batch_norm(h, *weights["norm"])), 2)
        h = reference.relu(reference.conv1d(h, *weights["conv2"], stride=2, padding="same"))
        h = reference.average_pool1d(h, 4, stride=3, padding="same")
        h = reference.conv1d(h, *weights["conv3"], dilation=2, padding="causal")
        expected = reference.softmax(reference.dense(h.reshape(-1), *weights["head"]))
        np.testing.assert_allclose(answer, expected, atol=1e-5)
        whole = np.asarray(found.model(x[None]))[0]
        assert np.abs(whole - expected).max() > 1e-3, "the replacement must matter for this test to mean anything"


def test_replacing_one_call_of_a_shared_layer():
    """Calls of a shared layer are told apart by their input: only the second one is changed."""
    found = case("shared")
    seen = []

    def handler(call, result):
        if call.operation.name != "shared" or call.before_activation:
            return result
        seen.append(call)
        return result * 0 if len(seen) == 2 else result

    with intercepting(handler):
        output = found.model(found.x)
    np.testing.assert_allclose(output, found.expected(found.x)["shared"], atol=1e-6)


@pytest.mark.parametrize("name", ["masked_lstm", "masked_subclassed"])
def test_masks_are_carried_over_to_a_replaced_result(name):
    """Masking's output replaced by a copy of itself changes nothing, and the copy carries the mask."""
    found = case(name)
    replaced = []

    def copy(result):
        replaced.append(tf.identity(result))
        assert mask_of(replaced[-1]) is None
        return replaced[-1]

    with intercepting(replacing("masking", copy)):
        output = found.model(found.x, training=False)
    np.testing.assert_array_equal(output, found.expected(found.x)["head"])
    np.testing.assert_array_equal(mask_of(replaced[0]), (found.x != 0).any(axis=-1))


def test_a_lost_mask_would_show():
    """The test above means something: without the mask the same layers answer differently."""
    found = case("masked_subclassed")
    unmasked = np.asarray(found.model.head(found.model.lstm(found.x)))
    assert np.abs(unmasked - found.expected(found.x)["head"]).max() > 1e-3


def test_a_mask_of_the_replacement_s_own_is_kept():
    """A handler that sets another mask means it."""
    found = case("masked_subclassed")
    shorter = (found.x != 0).any(axis=-1)
    shorter[:, 4:] = False

    def copy(result):
        result = tf.identity(result)
        result._keras_mask = tf.constant(shorter)
        return result

    with intercepting(replacing("masking", copy)):
        output = found.model(found.x, training=False)
    cut = np.where(shorter[..., None], found.x, 0)
    np.testing.assert_allclose(output, found.expected(cut)["head"], atol=1e-6)


def test_tensors_in_finds_tensors_and_nothing_else():
    a, b = tf.zeros((1, 2)), np.ones(3)
    found = tensors_in(({"x": a, "training": False}, [b, None, 3, "text"]))
    assert len(found) == 2
    assert found[0] is b or found[0] is a
    assert {id(tensor) for tensor in found} == {id(a), id(b)}


def test_a_patch_that_others_made_stays(monkeypatch):
    """Somebody else's wrapper of `__call__`, made after our import, is called meanwhile and still there afterwards."""
    called, original = [], keras.Layer.__call__

    def wrapped(self, *args, **kwargs):
        called.append(self.name)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(keras.Layer, "__call__", wrapped)
    with intercepting(lambda call, result: result):
        L.ReLU(name="seen")(np.ones((1, 2), "float32"))
    assert called == ["seen"]
    assert keras.Layer.__call__ is wrapped


# ------------------------------------------------------------------------------------------------- before activations


def test_what_goes_into_an_activation_is_seen_before_the_layer_ends():
    found = case("dag")
    seen = []

    def handler(call, result):
        if call.operation.name == "a":
            seen.append((call.before_activation, np.asarray(result)))
        return result

    with intercepting(handler):
        found.model(found.x)
    (first, before), (second, after) = seen
    assert (first, second) == (True, False)
    layer = found.model.get_layer("a")
    kernel, bias = (np.asarray(weight) for weight in layer.weights)
    expected = np.stack([reference.conv1d(x, kernel, bias, padding="same") for x in found.x])
    np.testing.assert_allclose(before, expected, atol=1e-5)
    np.testing.assert_array_equal(after, np.maximum(before, 0))


def test_what_goes_into_an_activation_can_be_replaced():
    found = case("dag")

    def handler(call, result):
        return -result if call.operation.name == "a" and call.before_activation else result

    with intercepting(names_seen([])):
        plain = found.model.get_layer("a")(found.x)
    with intercepting(handler):
        turned = found.model.get_layer("a")(found.x)
    assert (np.asarray(plain) * np.asarray(turned) == 0).all(), "where one passes the ReLU the other does not"
    assert np.abs(np.asarray(turned)).max() > 0


def test_the_layer_itself_is_not_touched_not_even_during_the_call():
    found = case("dag")
    layer = found.model.get_layer("a")
    activation, attributes = layer.activation, dict(vars(layer))
    during = []

    def handler(call, result):
        during.append(vars(layer)["activation"] is activation)
        return result

    with intercepting(handler):
        found.model(found.x)
    assert during
    assert all(during)
    assert vars(layer).keys() == attributes.keys()
    assert all(vars(layer)[name] is value for name, value in attributes.items() if name != "_losses")
