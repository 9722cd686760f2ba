"""Which models are taken, and how long they and their probes live."""

import gc
import threading
import weakref

import keras
import pytest
from keras import layers as L

from tests.models import CASES, case
from tests.probe.comparing import assert_close
from tswidgets.probe import Input, Probe, as_probe, declared_inputs


@pytest.mark.parametrize("name", ["sequential", "dag", "nested", "subclassed", "data_dependent", "masked_lstm"])
def test_a_model_dies_although_it_was_looked_at(name):
    """The shared probe holds the model weakly."""
    found = CASES[name]()
    probe = as_probe(found.model, found.x)
    probe.observe(found.x)
    assert as_probe(found.model) is probe
    model, x = weakref.ref(found.model), found.x
    del found
    gc.collect()
    assert model() is None
    with pytest.raises(ReferenceError, match="no longer exists"):
        _ = probe.model
    with pytest.raises(ReferenceError, match="no longer exists"):
        probe.observe(x)


def test_a_probe_dies_with_its_model():
    found = CASES["dag"]()
    probe = weakref.ref(as_probe(found.model))
    assert probe() is not None
    del found
    gc.collect()
    assert probe() is None


def test_as_probe_keeps_one_probe_a_model():
    model = case("dag").model
    probe = as_probe(model)
    assert as_probe(model) is probe
    assert as_probe(probe) is probe
    assert as_probe(CASES["dag"]().model) is not probe


def test_two_threads_observe_at_once():
    """Different models and different samples of one model, at the same time: everyone gets their own numbers."""
    names = ["sequential", "dag", "masked_lstm", "data_dependent"]
    probes = {name: as_probe(case(name).model, case(name).x) for name in names}
    jobs = [(name, case(name).x + 0.01 * k * (case(name).x != 0)) for k in range(6) for name in names]
    jobs = [(name, x.astype("float32")) for name, x in jobs]
    expected = [case(name).expected(x) for name, x in jobs]
    results = [None] * len(jobs)
    start = threading.Barrier(4, timeout=30)

    def work(first):
        start.wait()
        for i in range(first, len(jobs), 4):
            name, x = jobs[i]
            results[i] = probes[name].observe(x)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for observation, values in zip(results, expected, strict=True):
        assert set(observation) == set(values)
        for tap in values:
            assert_close(observation[tap], values[tap])


@pytest.mark.parametrize("name", ["deferred", "subclassed"])
def test_an_unbuilt_model_is_built_from_x_or_refused(name):
    """Without a shape there is nothing to look at: the error says what is missing."""
    model = type(CASES[name]().model)() if name == "subclassed" else CASES[name]().model
    assert not model.built
    with pytest.raises(ValueError, match=r"Expected a model whose input shape is known; got .*\. .*pass X"):
        Probe(model)
    found = CASES[name]()
    assert set(Probe(model, found.x).observe(found.x)) == set(found.expected(found.x))


@pytest.mark.parametrize("thing", [keras.Sequential, L.Dense(2, name="dense"), None, "model.keras"])
def test_what_is_no_model_is_refused(thing):
    for function in (Probe, as_probe):
        with pytest.raises(TypeError, match=r"Expected a Keras 3 model; got .+\. Pass the model object itself"):
            function(thing)


def test_input_shapes():
    assert Probe(case("sequential").model).input_shapes == [(30, 3)]
    assert Probe(case("masked_lstm").model).input_shapes == [(None, 12)]
    assert Probe(case("subclassed").model, case("subclassed").x).input_shapes == [(None, 3)]


def test_declared_inputs():
    assert declared_inputs(case("embedding").model) == [Input(case("embedding").model.inputs[0].name, (None,), True)]
    assert declared_inputs(case("several_outputs").model) == [Input("a", (9, 2), False), Input("b", (9, 3), False)]
    assert [one.integers for one in declared_inputs(case("masked_lstm").model)] == [False]
    assert declared_inputs(case("subclassed").model) == []
