"""Whether attributions find what was planted in models that have learned it. Figures are means over series."""

import itertools
import os

import numpy as np
import pytest

import tswidgets as tsw
from tests import planted
from tswidgets.analysis.methods import METHODS

SLOW = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
SEEDS = range(6 if SLOW else 1)

BARS = {  # at least
    "saliency, channel AUROC": 0.95,
    "smooth_grad, channel AUROC": 0.95,
    "integrated_gradients, channel AUROC": 0.95,
    "integrated_gradients, AUPRC": 0.5,
    "integrated_gradients, AUPRC above the untrained model's": 0.3,
    "integrated_gradients, time AUROC": 0.85,
    "integrated_gradients, time AUPRC above the untrained model's": 0.3,
    "grad_cam, time AUROC": 0.95,
    "occlusion, AUPRC": 0.85,
}
INCOMPLETE = 0.01  # at most: of the change of the score, the mean over series


def bars_of(kind):
    if kind != "convolution_lstm":
        return BARS
    return {name: bar for name, bar in BARS.items() if "occlusion" not in name} | {"grad_cam, time AUROC": 0.8}


# ------------------------------------------------------------------------------------------------------------ the bars


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "kind",
    ["convolution_gap", *(pytest.param(f"convolution_{end}", marks=pytest.mark.slow) for end in ("flatten", "lstm"))],
)
def test_what_decides_is_found(kind, seed):
    """And the same values half a series later in other channels miss every bar."""
    found, bars = planted.planted(kind, seed), bars_of(kind)
    only_the_interval_decides(found, seed)
    x, y, truth, _ = found.series
    integrated = tsw.integrated_gradients(found.model, x, y, n_steps=50)
    maps = {
        "saliency": tsw.saliency(found.model, x, y).values,
        "smooth_grad": tsw.smooth_grad(found.model, x, y).values,
        "integrated_gradients": integrated.values,
        "untrained": tsw.integrated_gradients(found.untrained, x, y, n_steps=50).values,
        "grad_cam": tsw.grad_cam(found.model, x, y).on_input,
        "occlusion": tsw.occlusion(found.model, x, y).values if "occlusion, AUPRC" in bars else np.zeros(x.shape),
    }
    reached = figures(maps, truth)
    print(f"{kind}, seed {seed}", {name: round(value, 3) for name, value in reached.items()}, integrated.error.max())
    missed = {name: (reached[name], bar) for name, bar in bars.items() if not reached[name] >= bar}
    assert not missed
    assert integrated.error.mean() <= INCOMPLETE
    if integrated.error.max() > INCOMPLETE:  # gates close at once: a series' way needs more steps there
        assert kind == "convolution_lstm"
        assert tsw.integrated_gradients(found.model, x, y, n_steps=200).error.max() <= INCOMPLETE
    misplaced = figures({name: moved(values, found.channels) for name, values in maps.items()}, truth)
    assert not {name: (misplaced[name], bar) for name, bar in bars.items() if misplaced[name] >= bar}


def figures(maps, truth):
    """What was reached, by the name of the bar."""
    integrated, untrained = maps["integrated_gradients"], maps["untrained"]
    found = {
        f"{name}, channel AUROC": planted.channel_auroc(maps[name], truth)
        for name in ("saliency", "smooth_grad", "integrated_gradients")
    }
    for name, measure in {"AUPRC": planted.cell_auprc, "time AUPRC": planted.time_auprc}.items():
        gain = measure(integrated, truth) - measure(untrained, truth)
        found[f"integrated_gradients, {name} above the untrained model's"] = gain
    return found | {
        "integrated_gradients, AUPRC": planted.cell_auprc(integrated, truth),
        "integrated_gradients, time AUROC": planted.time_auroc(integrated, truth),
        "grad_cam, time AUROC": planted.time_auroc(maps["grad_cam"], truth),
        "occlusion, AUPRC": planted.cell_auprc(maps["occlusion"], truth),
    }


def moved(values, channels):
    """By half a series, and from the deciding channels to others."""
    later = np.roll(values, values.shape[1] // 2, axis=1)
    if values.ndim == 2:
        return later
    n_channels = planted.N_CHANNELS
    by = next(by for by in range(n_channels) if not {(c + by) % n_channels for c in channels} & set(channels))
    return np.roll(later, by, axis=2)


def only_the_interval_decides(found, seed):
    """The other sign there is the other class; there alone, amid what tells no class, it is the class."""
    x, y, truth, _ = found.series
    size = {"n_timesteps": x.shape[1], "interval": int(truth[0].any(axis=1).sum())}
    others = planted.series(5000 + seed, 3 * len(x), found.channels, neither=True, **size)
    surroundings = others.x[others.y < 0]
    assert right(found.model, np.where(truth, -x, x), 1 - y) >= 0.95
    assert right(found.model, np.where(truth, x, surroundings), y) >= 0.95
    assert right(found.model, x, y) == 1


def right(model, x, y):
    return float((np.argmax(model.predict(x, verbose=0), axis=1) == y).mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_strided_net_with_valid_padding(seed):
    """The largest step of its class activation map lies in the interval; stretched over the input it would not."""
    model, _, (x, y, truth, _), _ = planted.planted("strided_gap", seed)
    found = tsw.class_activation_map(model, x, y)
    n_timesteps, field = x.shape[1], tsw.receptive_field(model, found.layer)
    assert field.size == 41
    rows, inside = np.arange(len(x)), truth.any(axis=2)
    peaks = field.centres[found.values.argmax(axis=1)].astype(int)
    np.testing.assert_array_equal(found.on_input[rows, peaks], np.nanmax(found.on_input, axis=1))
    first, last = inside.argmax(axis=1), n_timesteps - 1 - inside[:, ::-1].argmax(axis=1)
    assert (np.maximum(first - peaks, peaks - last) <= field.size).all()
    assert inside[rows, peaks].all()
    middle, n_steps = (first + last) / 2, found.values.shape[1]
    places = (np.arange(n_timesteps) + 0.5) * n_steps / n_timesteps - 0.5
    stretched = np.array([np.interp(places, np.arange(n_steps), row) for row in found.values])
    assert planted.pointing_game(stretched, truth) < 0.9
    assert 3 * np.abs(peaks - middle).mean() < np.abs(stretched.argmax(axis=1) - middle).mean()
    expected = np.maximum(found.values, 0) / n_steps
    np.testing.assert_allclose(tsw.grad_cam(model, x, y).values, expected, rtol=1e-4, atol=1e-6 * expected.max())


NO_RULE = {"masked_gap": (), "masked_lstm": ("class_activation_map", "deep_lift")}
TEMPTING = {  # few runs, and values that would be no padding any more if they were put there
    "smooth_grad": {"n_samples": 4},
    "integrated_gradients": {"n_steps": 4, "baseline": "mean"},
    "expected_gradients": {"n_samples": 4},
    "deep_lift": {"baseline": "mean"},
    "occlusion": {"window": 10, "fill": "mean"},
    "rise": {"n_masks": 20, "fill": "mean"},
}


@pytest.mark.parametrize("seed", SEEDS if SLOW else [0])
@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if "lstm" in k else k for k in NO_RULE])
def test_padding_has_no_credit(kind, seed):
    """Though padding with noise on it has a gradient, and the background goes on where the series has ended."""
    model, _, series, channels = planted.planted(kind, seed)
    x, y, _, present = series.first(6)
    assert right(model, series.x, series.y) == 1
    assert (~present).any(axis=1).sum() >= 4
    noisy = x + np.random.default_rng(0).normal(0, 0.1, x.shape).astype("float32")
    assert np.abs(tsw.Probe(model).gradient(noisy, y).values[~present]).sum() > 0
    background = planted.series(6000 + seed, 10, channels, n_timesteps=x.shape[1], interval=20).x
    for name in METHODS.keys() - set(NO_RULE[kind]):
        options = TEMPTING.get(name, {}) | ({"background": background} if name == "expected_gradients" else {})
        found = METHODS[name](model, x, y, **options)
        np.testing.assert_array_equal(found.absent, ~present)
        credit = np.abs(found.on_input)
        assert credit[~present].sum() == 0.0, name
        assert credit.sum() > 0, name  # of one series a rectified map may be empty


# -------------------------------------------------------------------------------------------------- the data's honesty


@pytest.fixture(scope="module")
def many():
    return planted.series(7, 2000, (1, 3))


def test_an_interval_of_two_channels_is_planted(many):
    x, y, truth, present = many
    assert x.dtype == np.float32 and truth.dtype == bool and present.all()
    np.testing.assert_array_equal(truth.any(axis=(0, 1)), [False, True, False, True, False])
    np.testing.assert_array_equal(truth[:, :, 1], truth[:, :, 3])
    assert (truth.any(axis=2).sum(axis=1) == 24).all()
    assert (np.abs(np.diff(truth[:, :, 1].astype(int), axis=1)).sum(axis=1) <= 2).all()  # one piece
    assert np.bincount(y).tolist() == [1000, 1000]
    sign = np.where(y == 0, 1, -1)
    for channel, expected in ((1, sign), (3, -sign)):
        mean = np.array([row[inside] for row, inside in zip(x[:, :, channel], truth[:, :, channel], strict=True)])
        np.testing.assert_allclose(mean.mean(axis=1), expected, atol=0.2)


def test_power_tells_neither_class_nor_place(many):
    """Mean squares are the same everywhere, and no better than chance at telling classes by any linear rule."""
    x, y, truth, _ = many
    power = x.astype(np.float64) ** 2
    for part in (power.mean(axis=(0, 1)), power.mean(axis=(0, 2))):
        np.testing.assert_allclose(part, 1 + planted.NOISE**2, rtol=0.02)
    for label in (0, 1):
        np.testing.assert_allclose(power[y == label][truth[y == label]].mean(), power[~truth].mean(), rtol=0.01)
    told = np.hstack([power.mean(axis=1), power.mean(axis=2), x.var(axis=1), np.ones((len(x), 1))])
    half = len(x) // 2
    weights = np.linalg.lstsq(told[:half], 2.0 * y[:half] - 1, rcond=None)[0]
    assert abs(((told[half:] @ weights > 0) == y[half:]).mean() - 0.5) < 0.06
    assert abs(planted.channel_auroc(x, truth) - 0.5) < 0.05
    assert abs(planted.time_auroc(x, truth) - 0.5) < 0.02
    assert planted.cell_auprc(x, truth) < truth.mean() + 0.03


def test_lengths():
    x, _, truth, present = planted.series(3, 300, (0, 4), n_timesteps=60, interval=16, shortest=50)
    assert set(present.sum(axis=1)) == set(range(50, 61))
    assert (np.diff(present.astype(int), axis=1) <= 0).all()
    assert (x[~present] == 0).all() and (x[present] != 0).all()
    assert not truth[~present].any() and (truth.sum(axis=(1, 2)) == 32).all()


def test_neither_class_and_seeds():
    one, again, other = (planted.series(seed, 30, (2, 0), neither=True) for seed in (1, 1, 2))
    assert np.bincount(one.y + 1).tolist() == [10, 10, 10]
    assert not one.truth[one.y < 0].any()
    np.testing.assert_array_equal(one.labels.sum(axis=1), one.y >= 0)
    for part, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(part, same)
    assert (one.x != other.x).all()
    assert len({planted.deciding_channels(seed) for seed in range(8)}) > 3


def test_what_is_not_learned_is_said(monkeypatch):
    monkeypatch.setattr(planted, "EPOCHS", 1)
    monkeypatch.setattr(planted, "N_TRAINING", 64)
    with pytest.raises(RuntimeError, match="has not learned what was planted in 1 epochs"):
        planted.planted.__wrapped__("convolution_gap", 0)


# -------------------------------------------------------------------------------------------------------- the measures


def drawn(seed):
    """Few different scores, so that there are ties."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    truth = np.zeros(n, bool)
    truth[rng.permutation(n)[: rng.integers(1, n)]] = True
    return rng.integers(0, rng.integers(1, 12) + 1, n) / 4, truth


def test_auroc_by_pairs():
    for score, truth in map(drawn, range(200)):
        pairs = list(itertools.product(score[truth], score[~truth]))
        expected = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)
        assert planted.auroc(score, truth) == pytest.approx(expected, abs=1e-12)


def test_auprc_by_thresholds():
    """Steps of recall, each times the precision of what is at or above its threshold."""
    for score, truth in map(drawn, range(200)):
        expected, recall = 0.0, 0.0
        for threshold in sorted(set(score), reverse=True):
            chosen = score >= threshold
            now = (chosen & truth).sum() / truth.sum()
            expected += (now - recall) * (chosen & truth).sum() / chosen.sum()
            recall = now
        assert planted.auprc(score, truth) == pytest.approx(expected, abs=1e-12)


def test_measures_by_hand():
    """Four steps of two channels; the truth is steps 1 and 2 of the second."""
    truth = np.zeros((2, 4, 2), bool)
    truth[:, 1:3, 1] = True
    values = np.zeros((2, 4, 2))
    values[0, 1:3, 1] = (-3, 2)  # all there is, whatever its sign
    values[1, 0, 0], values[1, 3, 1], values[1, 1, 1] = -4, 1, 2  # largest elsewhere
    assert planted.channel_auroc(values, truth) == (1 + 0) / 2
    assert planted.time_auroc(values, truth) == (1 + (0 + 1 + 0 + 0) / 4) / 2
    assert planted.time_auprc(values, truth) == pytest.approx((1 + (0.5 * 1 / 2 + 0.5 * 2 / 4)) / 2)
    assert planted.cell_auprc(values, truth) == pytest.approx((1 + (0.5 * 1 / 2 + 0.5 * 2 / 8)) / 2)
    assert planted.pointing_game(values, truth) == 0.5
    steps = np.array([[np.nan, -1, 0, -5], [np.nan, 1, 0, -5]])
    assert planted.pointing_game(steps, truth) == 0.5  # of a map of steps a negative one speaks against the class
    assert planted.time_auroc(np.array([[np.nan, 1, 1, np.nan]] * 2), truth) == 1
