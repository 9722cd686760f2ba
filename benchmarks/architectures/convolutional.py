"""Convolutions, also down and up again."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as L
from keras import ops

from architectures.blocks import conv_norm


def fcn(n_timesteps: int | None = None, n_channels: int = 1) -> keras.Model:
    """FCN: three convolutions and global average pooling. Wang, Yan and Oates 2017, IJCNN."""
    x = h = keras.Input((n_timesteps, n_channels))
    for n_filters, size in ((128, 8), (256, 5), (128, 3)):
        h = conv_norm(h, n_filters, size)
    return keras.Model(x, L.Dense(5, activation="softmax")(L.GlobalAveragePooling1D()(h)), name="fcn")


def resnet(n_timesteps: int | None = None, n_channels: int = 1) -> keras.Model:
    """ResNet: three residual blocks of three convolutions. Wang, Yan and Oates 2017, IJCNN."""
    x = h = keras.Input((n_timesteps, n_channels))
    for n_filters in (64, 128, 128):
        wider = h.shape[-1] != n_filters
        shortcut = conv_norm(h, n_filters, 1, None) if wider else L.BatchNormalization()(h)
        for size, activation in ((8, "relu"), (5, "relu"), (3, None)):
            h = conv_norm(h, n_filters, size, activation)
        h = L.ReLU()(L.Add()([h, shortcut]))
    return keras.Model(x, L.Dense(5, activation="softmax")(L.GlobalAveragePooling1D()(h)), name="resnet")


def inception_time(n_timesteps: int | None = None, n_channels: int = 1) -> keras.Model:
    """InceptionTime, one network of its five: six inception modules. Ismail Fawaz et al. 2020, DMKD."""
    x = h = shortcut = keras.Input((n_timesteps, n_channels))
    for depth in range(6):
        narrow = L.Conv1D(32, 1, use_bias=False)(h) if h.shape[-1] > 1 else h
        branches = [L.Conv1D(32, size, padding="same", use_bias=False)(narrow) for size in (40, 20, 10)]
        branches.append(L.Conv1D(32, 1, use_bias=False)(L.MaxPooling1D(3, strides=1, padding="same")(h)))
        h = L.ReLU()(L.BatchNormalization()(L.Concatenate()(branches)))
        if depth % 3 == 2:
            shortcut = h = L.ReLU()(L.Add()([h, conv_norm(shortcut, 128, 1, None, use_bias=False)]))
    return keras.Model(x, L.Dense(5, activation="softmax")(L.GlobalAveragePooling1D()(h)), name="inception_time")


def xception_time(n_timesteps: int = 200, n_channels: int = 10) -> keras.Model:
    """XceptionTime: separable convolutions in four modules. Rahimian et al. 2020, ICASSP.

    Kernel sizes as in the tsai library; adaptive pooling is plain, so the steps must be a multiple of 50.
    """
    x = h = shortcut = keras.Input((n_timesteps, n_channels))
    for i, n_filters in enumerate((16, 32, 64, 128)):
        narrow = L.Conv1D(n_filters, 1, use_bias=False)(h)
        branches = [L.SeparableConv1D(n_filters, size, padding="same", use_bias=False)(narrow) for size in (39, 19, 9)]
        branches.append(L.Conv1D(n_filters, 1, use_bias=False)(L.MaxPooling1D(3, strides=1, padding="same")(h)))
        h = L.Concatenate()(branches)
        if i % 2:
            shortcut = h = L.ReLU()(L.Add()([h, conv_norm(shortcut, 4 * n_filters, 1, None, use_bias=False)]))
    h = L.AveragePooling1D(n_timesteps // 50)(h)
    for n_filters in (256, 128, 52):
        h = conv_norm(h, n_filters, 1, use_bias=False)
    return keras.Model(x, L.Softmax()(L.GlobalAveragePooling1D()(h)), name="xception_time")


def tcn(n_timesteps: int | None = 784, n_channels: int = 1) -> keras.Model:
    """TCN for sequential MNIST: residual blocks of dilated causal convolutions. Bai, Kolter and Koltun 2018, arXiv.

    Without weight normalisation, which Keras lacks.
    """
    x = h = keras.Input((n_timesteps, n_channels))
    for level in range(8):
        shortcut = h if h.shape[-1] == 25 else L.Conv1D(25, 1)(h)
        for _ in range(2):
            h = L.Conv1D(25, 7, dilation_rate=2**level, padding="causal", activation="relu")(h)
            h = L.SpatialDropout1D(0.05)(h)
        h = L.ReLU()(L.Add()([h, shortcut]))
    return keras.Model(x, L.Dense(10, activation="softmax")(h[:, -1]), name="tcn")


def wavenet(n_timesteps: int | None = 1024, n_channels: int = 1) -> keras.Model:
    """WaveNet: gated dilated causal convolutions and summed skips; 256 levels. van den Oord et al. 2016, arXiv.

    The paper names no widths: 32 residual and 256 skip channels here; its input is the wave, not a one-hot code of it.
    """
    x = keras.Input((n_timesteps, n_channels))
    h, skips = L.Conv1D(32, 2, padding="causal")(x), []
    for dilation in [2**i for i in range(10)] * 3:
        signal = L.Conv1D(32, 2, dilation_rate=dilation, padding="causal", activation="tanh")(h)
        gate = L.Conv1D(32, 2, dilation_rate=dilation, padding="causal", activation="sigmoid")(h)
        gated = L.Multiply()([signal, gate])
        skips.append(L.Conv1D(256, 1)(gated))
        h = L.Add()([h, L.Conv1D(32, 1)(gated)])
    h = L.Conv1D(256, 1, activation="relu")(L.ReLU()(L.Add()(skips)))
    return keras.Model(x, L.Conv1D(256, 1, activation="softmax")(h), name="wavenet")


def ecg_resnet(n_timesteps: int | None = 2560, n_channels: int = 1) -> keras.Model:
    """34-layer ECG network: pre-activation residual blocks, one answer per 256 steps. Hannun et al. 2019, Nat. Med."""
    x = keras.Input((n_timesteps, n_channels))
    h = conv_norm(x, 32, 16)
    for block in range(16):
        n_filters, stride = 32 * 2 ** (block // 4), 1 + block % 2
        shortcut = L.MaxPooling1D(2)(h) if stride == 2 else h
        if n_filters > h.shape[-1]:
            shortcut = ops.pad(shortcut, ((0, 0), (0, 0), (0, n_filters - h.shape[-1])))
        if block:
            h = L.ReLU()(L.BatchNormalization()(h))
        h = L.Dropout(0.2)(conv_norm(h, n_filters, 16, strides=stride))
        h = L.Add()([L.Conv1D(n_filters, 16, padding="same")(h), shortcut])
    h = L.ReLU()(L.BatchNormalization()(h))
    return keras.Model(x, L.TimeDistributed(L.Dense(12, activation="softmax"))(h), name="ecg_resnet")


def eegnet(n_timesteps: int = 128, n_channels: int = 64) -> keras.Model:
    """EEGNet-8,2: filters in time, then across electrodes, in two dimensions. Lawhern et al. 2018, J. Neural Eng."""
    x = keras.Input((n_timesteps, n_channels))
    h = L.Reshape((n_timesteps, n_channels, 1))(x)
    h = L.BatchNormalization()(L.Conv2D(8, (64, 1), padding="same", use_bias=False)(h))
    h = L.BatchNormalization()(L.DepthwiseConv2D((1, n_channels), depth_multiplier=2, use_bias=False)(h))
    h = L.Dropout(0.5)(L.AveragePooling2D((4, 1))(L.Activation("elu")(h)))
    h = L.BatchNormalization()(L.SeparableConv2D(16, (16, 1), padding="same", use_bias=False)(h))
    h = L.Dropout(0.5)(L.AveragePooling2D((8, 1))(L.Activation("elu")(h)))
    return keras.Model(x, L.Dense(4, activation="softmax")(L.Flatten()(h)), name="eegnet")


def encoder(n_timesteps: int | None = None, n_channels: int = 1) -> keras.Model:
    """Encoder: half of the channels say which steps of the other half count. Serrà, Pascual and Karatzoglou 2018, CCIA.

    The last instance normalisation, of a vector, is a layer normalisation.
    """
    x = h = keras.Input((n_timesteps, n_channels))
    for n_filters, size in ((128, 5), (256, 11), (512, 21)):
        h = L.GroupNormalization(groups=-1)(L.Conv1D(n_filters, size, padding="same")(h))
        h = L.Dropout(0.2)(L.PReLU(shared_axes=[1])(h))
        h = L.MaxPooling1D(2)(h) if n_filters < 512 else h
    weighted = L.Multiply()([h[..., :256], L.Softmax(axis=1)(h[..., 256:])])
    h = L.LayerNormalization()(L.Dense(256, activation="sigmoid")(ops.sum(weighted, axis=1)))
    return keras.Model(x, L.Dense(5, activation="softmax")(h), name="encoder")


def u_time(n_timesteps: int | None = 5760, n_channels: int = 1) -> keras.Model:
    """U-Time: a U-Net with one sleep stage per segment. Perslev et al. 2019, NeurIPS.

    Segments of 30 s have 1,920 steps (64 Hz), which the pooling divides without padding, and there are 3, not 35.
    """

    def norm_conv(h: Any, n_filters: int, size: int, dilation: int = 1) -> Any:
        return L.BatchNormalization()(
            L.Conv1D(n_filters, size, dilation_rate=dilation, padding="same", activation="elu")(h)
        )

    x = h = keras.Input((n_timesteps, n_channels))
    levels, across = ((16, 10), (32, 8), (64, 6), (128, 4)), []
    for n_filters, pool in levels:
        across.append(norm_conv(norm_conv(h, n_filters, 5, 2), n_filters, 5, 2))
        h = L.MaxPooling1D(pool)(across[-1])
    h = norm_conv(norm_conv(h, 256, 5), 256, 5)
    for n_filters, pool in reversed(levels):
        h = norm_conv(L.UpSampling1D(pool)(h), n_filters, pool)
        h = norm_conv(norm_conv(L.Concatenate()([across.pop(), h]), n_filters, 5), n_filters, 5)
    h = L.AveragePooling1D(1920)(L.Conv1D(5, 1, activation="tanh")(h))
    return keras.Model(x, L.Conv1D(5, 1, activation="softmax")(L.Conv1D(5, 1, activation="elu")(h)), name="u_time")


def conv_autoencoder(n_timesteps: int = 288, n_channels: int = 1) -> keras.Model:
    """Convolutional autoencoder for the detection of anomalies. Vijay 2020, Keras code examples (not a paper)."""
    x = keras.Input((n_timesteps, n_channels))
    h = L.Dropout(0.2)(L.Conv1D(32, 7, strides=2, padding="same", activation="relu")(x))
    h = L.Conv1D(16, 7, strides=2, padding="same", activation="relu")(h)
    h = L.Dropout(0.2)(L.Conv1DTranspose(16, 7, strides=2, padding="same", activation="relu")(h))
    h = L.Conv1DTranspose(32, 7, strides=2, padding="same", activation="relu")(h)
    return keras.Model(x, L.Conv1DTranspose(n_channels, 7, padding="same")(h), name="conv_autoencoder")
