"""The input that a class or a filter answers to most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.objective import NearestSample, Objective, finite
from tswidgets.analysis.regularizers import Adam, Blur, normalised, shifted, shifted_back, total_variation_gradient

LOOK_EVERY = 10  # iterations between two searches for the nearest real sample

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Maximization:
    """Inputs that were optimised to make one number of a model as large as possible.

    target : what was asked for; layer : the tap whose filter that is, or None for the output.
    inputs : ndarray of shape (n_starts, n_timesteps, n_channels), where every start has got to.
    scores : ndarray of shape (n_starts,), what the model gives them; NaN for one that never gave a finite number.
    history : ndarray of shape (iteration, n_starts), the scores so far.
    iteration, total : number of iterations that are done, and that were asked for.
    nearest : the real sample that is most like `x`, with its `index` in X, the `shift` at which it is, its `distance`
        and its own `score`; None without X.
    note : in words, why it ended early or what went wrong on the way; empty if nothing did.
    """

    target: Any
    layer: str | None
    inputs: NDArray[np.float32]
    scores: NDArray[np.float32]
    history: NDArray[np.float32]
    iteration: int
    total: int
    nearest: NearestSample | None
    note: str

    @property
    def complete(self) -> bool:
        """Whether all iterations that were asked for are done."""
        return self.iteration == self.total

    @property
    def best(self) -> int:
        """The start with the highest score."""
        return _best(self.scores)

    @property
    def x(self) -> NDArray[np.float32]:
        """ndarray of shape (n_timesteps, n_channels): the best of the inputs."""
        best: NDArray[np.float32] = self.inputs[self.best]
        return best

    @property
    def score(self) -> float:
        """What the model gives `x`: the logit for a class."""
        return float(self.scores[self.best])

    def __repr__(self) -> str:
        where = "" if self.layer is None else f" of {self.layer!r}"
        done = f"{self.iteration} of {self.total} iterations"
        return f"Maximization({self.target!r}{where}, score {self.score:.4g}, {done}, {len(self.scores)} starts)"


def maximize_activation(
    model: Any,
    target: Any = None,
    *,
    layer: str | None = None,
    X: Any = None,
    n_timesteps: int | None = None,
    n_starts: int = 4,
    n_iterations: int = 100,
    learning_rate: float = 0.1,
    l2: float = 1.0,
    total_variation: float = 0.1,
    blur: float | None = None,
    jitter: int = 0,
    bounds: Any = None,
    seed: int = 0,
    output: int = 0,
) -> Maximization:
    """The series that makes a class, an output step or a filter answer most, and still looks like a real one.

    Parameters
    ----------
    model : keras.Model or Probe
        With one input of floating-point numbers, of shape (n_timesteps, n_channels) or (n_timesteps,).
    target : int or tuple
        A class, or `(step, class)` for an output per step; None in a tuple averages over that axis. With `layer` a
        filter or unit, on the average over all its steps, or `(step, filter)`. It may be left out if there is only one,
        whose average over all steps is taken. A class is its logit, before a final softmax or sigmoid.
    layer : str, optional
        Name of a tap, as `Probe(model).taps` lists them. What a layer computes before its activation function is the
        tap `"name:pre-activation"`.
    X : array of shape (n_samples, n_timesteps, n_channels), or list of (n_timesteps_i, n_channels), optional
        Real series. Each channel's mean, deviation, range and smoothness are taken from them, up to half a million
        steps evenly spread over the samples, without padding and what is not finite. Without X standardised series are
        assumed: mean 0, deviation 1, values from -3 to 3, neighbouring steps that correlate by 0.9.
    n_timesteps : int, optional
        Length of the series, for a model that takes any; by default the median length in X.
    n_starts : int
        How many inputs are optimised side by side, each from noise of its own, which has the mean, deviation and
        smoothness of X. A start at which the gradient is 0 is drawn again a few times.
    n_iterations : int
        How often the inputs are judged; between two of them each is moved.
    learning_rate : float
        The first step's size in deviations; it falls to 0 over the run.
    l2 : float
        How strongly inputs are pulled to the mean. With 1 they end about as far from it as the most extreme sample of
        X, without X two deviations; with 2 half as far, and with 0 only the bounds hold them.
    total_variation : float
        How strongly ups and downs along time are held back; what is usual from one step to the next costs little.
    blur : float, optional
        Standard deviation in steps of the Gaussian by which gradients are smoothed along time. By default each channel
        has its own, with which noise becomes as smooth as that channel; 0 is none.
    jitter : int
        Most steps by which inputs are shifted at random before they are judged, falling to 0 over the run: for an
        answer that does not depend on the very step.
    bounds : (low, high), optional
        What values may be, each a number or an array of shape (n_channels,), in the units of the data. By default
        each channel's range in X. Without X they are taken for three deviations to either side of the mean.
    seed : int
    output : int
        Number of the output, of a model that has several; of no account with `layer`.

    Returns
    -------
    Maximization
        The same for the same arguments. `x` is the best of the inputs. Deviations of X are the only unit in all of
        this, so that it does not matter which one the data have. A channel that is constant in X is held. No step is
        one that the model masks as padding, if another value can prevent it.

    Raises
    ------
    ValueError, TypeError, IndexError
        If the model has several inputs, or reads whole numbers; if there is no such target or layer; if the length is
        not known; if X does not fit; if the gradient is 0 or not finite at all starts; or if a number is out of range.

    Source: Erhan, Bengio, Courville, Vincent, "Visualizing higher-layer features of a deep network", 2009, who ascend
    at a fixed norm of the input; Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013, for L2 and
    for the logit in place of the probability; Yosinski et al., "Understanding neural networks through deep
    visualization", 2015, for blur; Mahendran & Vedaldi, "Visualizing deep convolutional neural networks using natural
    pre-images", 2016, for total variation and jitter; Kingma & Ba, "Adam", 2015, for the steps. Departures: gradients
    are divided by their usual size before the regularisers are added, so that `l2` fixes the norm, as with Erhan et
    al., whatever the size of the answer; the gradient is blurred and not the input, which would lose what it gains;
    total variation is quadratic for changes that are usual in X; the learning rate falls; deviations are the unit.
    """
    *_, found = iter_maximize_activation(
        model,
        target,
        layer=layer,
        X=X,
        n_timesteps=n_timesteps,
        n_starts=n_starts,
        n_iterations=n_iterations,
        learning_rate=learning_rate,
        l2=l2,
        total_variation=total_variation,
        blur=blur,
        jitter=jitter,
        bounds=bounds,
        seed=seed,
        output=output,
    )
    return found


def iter_maximize_activation(
    model: Any,
    target: Any = None,
    *,
    layer: str | None = None,
    X: Any = None,
    n_timesteps: int | None = None,
    n_starts: int = 4,
    n_iterations: int = 100,
    learning_rate: float = 0.1,
    l2: float = 1.0,
    total_variation: float = 0.1,
    blur: float | None = None,
    jitter: int = 0,
    bounds: Any = None,
    seed: int = 0,
    output: int = 0,
) -> Iterator[Maximization]:
    """The same iteration by iteration: yields where the inputs have got to, the last complete.

    Whoever stops drawing stops the work. What is wrong with the arguments is said at once. When no start is left that
    gives finite numbers, the last is not complete, and its `note` says so. In between, `nearest` is looked up every ten
    iterations only, and may be that of a few iterations ago; with jitter `inputs` are the shifted ones that the scores
    belong to.

    Parameters
    ----------
    model, target, … : as in `maximize_activation`
    """
    n_starts, n_iterations = _validate.whole(n_starts, "n_starts"), _validate.whole(n_iterations, "n_iterations")
    jitter, seed = _validate.whole(jitter, "jitter", 0), _validate.whole(seed, "seed", 0)
    adam = Adam(_validate.not_negative(learning_rate, "learning_rate", zero=False), n_iterations)
    l2, total_variation = _validate.not_negative(l2, "l2"), _validate.not_negative(total_variation, "total_variation")
    blur = None if blur is None else _validate.not_negative(blur, "blur")
    objective = Objective(model, target, layer, X, n_timesteps, bounds, output)
    like = objective.likeness
    rng = np.random.default_rng((seed, 1))  # not the numbers that example data are often drawn from
    start = objective.start(n_starts, rng)
    smooth = Blur(objective.n_timesteps, like.width if blur is None else np.full(len(like.mean), blur))

    def move(z: Floats, gradient: Floats) -> Floats:
        uphill = normalised(smooth(gradient)) - l2 / like.reach * z
        return like.clipped(z + adam(uphill - total_variation * total_variation_gradient(z, like.change)))

    def shifts(iteration: int) -> Integers:
        most = round(jitter * (1 - iteration / max(n_iterations - 1, 1)))
        return rng.integers(-most, most + 1, n_starts)

    return _maximizing(objective, start, n_iterations, move, shifts)


def _maximizing(
    objective: Objective,
    z: Floats,
    n_iterations: int,
    move: Callable[[Floats, Floats], Floats],
    shifts: Callable[[int], Integers],
) -> Iterator[Maximization]:
    n_starts = len(z)
    inputs, scores = objective.likeness.series(z), np.full(n_starts, np.nan, np.float32)
    history = np.full((n_iterations, n_starts), np.nan, np.float32)
    ended = np.full(n_starts, n_iterations)
    nearest = None
    for iteration in range(n_iterations):
        by = shifts(iteration)
        x, score, gradient = objective.at(shifted(z, by))
        ended[~finite(score, gradient) & (ended == n_iterations)] = iteration
        going = ended == n_iterations
        inputs[going], scores[going], history[iteration, going] = x[going], score[going], score[going]
        last = iteration == n_iterations - 1 or not going.any()
        if last or iteration % LOOK_EVERY == 0:
            nearest = objective.nearest(inputs[_best(scores)])
        yield Maximization(
            objective.target,
            objective.layer,
            _frozen(inputs.copy()),
            _frozen(scores.copy()),
            _frozen(history[: iteration + 1].view()),
            iteration + 1,
            n_iterations,
            nearest,
            _note(ended, n_iterations),
        )
        if last:
            return
        going_on = going[:, None, None]
        z = np.where(going_on, move(z, np.where(going_on, shifted_back(gradient, by), 0.0)), z)


def _best(scores: NDArray[np.float32]) -> int:
    return int(np.where(np.isnan(scores), -np.inf, scores).argmax())


def _frozen(array: NDArray[np.float32]) -> NDArray[np.float32]:
    array.flags.writeable = False
    return array


def _note(ended: Integers, n_iterations: int) -> str:
    """What is said of starts that ended early, by the iterations at which they did."""
    early = sorted({int(one) for one in ended[ended < n_iterations]})
    if not early:
        return ""
    at = ", ".join(map(str, early))
    return (
        f"{np.count_nonzero(ended < n_iterations)} of {len(ended)} starts ended early, where the score or its gradient "
        f"was NaN or infinite: iteration {at}"
    )
