"""Twenty published neural networks for time series, at about their published sizes, with random weights.

Every function takes the number of steps and of channels, and returns a model that is built. Where `n_timesteps` may be
None, the model takes series of any length. Widths, depths and kernel sizes are those of the paper or of its authors'
code; a docstring names what departs from them. Regularisers and weight initialisers are left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import keras

from architectures.convolutional import (
    conv_autoencoder,
    ecg_resnet,
    eegnet,
    encoder,
    fcn,
    inception_time,
    resnet,
    tcn,
    u_time,
    wavenet,
    xception_time,
)
from architectures.mixing import n_beats, patch_tst, transformer, ts_mixer
from architectures.recurrent import bilstm_tagger, deep_conv_lstm, masked_gru, mlstm_fcn, seq2seq_attention

FREE_LENGTH = 256


def sample_shape(name: str) -> tuple[int, int]:
    """Steps and channels of one sample for an architecture at its defaults; `FREE_LENGTH` steps if it takes any."""
    defaults = inspect.signature(ARCHITECTURES[name]).parameters
    return defaults["n_timesteps"].default or FREE_LENGTH, defaults["n_channels"].default


ARCHITECTURES: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build
    for build in (
        fcn,
        resnet,
        inception_time,
        xception_time,
        tcn,
        wavenet,
        ecg_resnet,
        eegnet,
        encoder,
        u_time,
        conv_autoencoder,
        mlstm_fcn,
        deep_conv_lstm,
        bilstm_tagger,
        masked_gru,
        seq2seq_attention,
        transformer,
        patch_tst,
        ts_mixer,
        n_beats,
    )
}
