"""Twenty published neural networks for time series, at about their published sizes, with random weights.

Every function takes the number of steps and of channels, and returns a model that is built. Where `n_timesteps` may be
None, the model takes series of any length. Widths, depths and kernel sizes are those of the paper or of its authors'
code; a docstring names what departs from them. Regularisers and weight initialisers are left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import layers as L
from keras import ops

FREE_LENGTH = 256


def sample_shape(name: str) -> tuple[int, int]:
    """Steps and channels of one sample for an architecture at its defaults; `FREE_LENGTH` steps if it takes any."""
    defaults = inspect.signature(ARCHITECTURES[name]).parameters
    return defaults["n_timesteps"].default or FREE_LENGTH, defaults["n_channels"].default


def conv_norm(x: Any, n_filters: int, size: int, activation: str | None = "relu", **options: Any) -> Any:
    """A "same" convolution, batch normalisation, and an activation if any."""
    x = L.BatchNormalization()(L.Conv1D(n_filters, size, padding="same", **options)(x))
    return L.Activation(activation)(x) if activation else x


def squeeze_excite(x: Any, ratio: int = 16) -> Any:
    """Hu et al. 2018, CVPR: every channel scaled by a number from 0 to 1 that depends on the means of all of them."""
    n_filters = x.shape[-1]
    scale = L.Dense(n_filters // ratio, activation="relu", use_bias=False)(L.GlobalAveragePooling1D(keepdims=True)(x))
    return L.Multiply()([x, L.Dense(n_filters, activation="sigmoid", use_bias=False)(scale)])


def on_zeros(model: keras.Model, n_timesteps: int, n_channels: int) -> keras.Model:
    """A subclassed model, built by a call."""
    model(ops.zeros((1, n_timesteps, n_channels)))
    return model


# ------------------------------------------------------------------------------------------------------- convolutional


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


# ---------------------------------------------------------------------------------------------------- down and up again


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


# ----------------------------------------------------------------------------------------------------------- recurrent


def mlstm_fcn(n_timesteps: int = 93, n_channels: int = 13) -> keras.Model:
    """MLSTM-FCN: an FCN with squeeze and excitation beside an LSTM over channels. Karim et al. 2019, Neural Netw."""
    x = h = keras.Input((n_timesteps, n_channels))
    for n_filters, size in ((128, 8), (256, 5), (128, 3)):
        h = conv_norm(h, n_filters, size)
        h = squeeze_excite(h) if size > 3 else h
    over_channels = L.Dropout(0.8)(L.LSTM(8)(L.Masking()(L.Permute((2, 1))(x))))
    h = L.Concatenate()([over_channels, L.GlobalAveragePooling1D()(h)])
    return keras.Model(x, L.Dense(10, activation="softmax")(h), name="mlstm_fcn")


def deep_conv_lstm(n_timesteps: int = 24, n_channels: int = 113) -> keras.Model:
    """DeepConvLSTM: convolutions in time for each sensor, then two LSTMs. Ordóñez and Roggen 2016, Sensors."""
    x = keras.Input((n_timesteps, n_channels))
    h = L.Reshape((n_timesteps, n_channels, 1))(x)
    for _ in range(4):
        h = L.Conv2D(64, (5, 1), activation="relu")(h)
    h = L.Reshape((n_timesteps - 16, n_channels * 64))(h)
    for return_sequences in (True, False):
        h = L.LSTM(128, return_sequences=return_sequences)(L.Dropout(0.5)(h))
    return keras.Model(x, L.Dense(18, activation="softmax")(h), name="deep_conv_lstm")


def bilstm_tagger(n_timesteps: int | None = None, n_channels: int = 123) -> keras.Model:
    """Deep bidirectional LSTM: a phoneme for every frame, three levels of 250 cells. Graves et al. 2013, ICASSP.

    Without peephole connections.
    """
    x = h = keras.Input((n_timesteps, n_channels))
    for _ in range(3):
        h = L.Bidirectional(L.LSTM(250, return_sequences=True))(h)
    return keras.Model(x, L.Dense(62, activation="softmax")(h), name="bilstm_tagger")


def masked_gru(n_timesteps: int | None = None, n_channels: int = 33) -> keras.Model:
    """GRU classifier of hospital stays, the baseline of GRU-D. Che et al. 2018, Sci. Rep.

    Steps of zeros are masked, as padding; single missing values are not told apart.
    """
    x = keras.Input((n_timesteps, n_channels))
    h = L.Dropout(0.5)(L.GRU(64)(L.Masking()(x)))
    return keras.Model(x, L.Dense(1, activation="sigmoid")(h), name="masked_gru")


class Seq2SeqAttention(keras.Model):
    def __init__(self, horizon: int, n_channels: int, width: int = 256):
        super().__init__(name="seq2seq_attention")
        self.horizon = horizon
        self.encoders = [L.LSTM(width, return_sequences=True, return_state=True) for _ in range(2)]
        self.decoders = [L.LSTM(width, return_sequences=True) for _ in range(2)]
        self.attend = L.Dense(width, activation="tanh", use_bias=False)
        self.head = L.Dense(n_channels)

    def call(self, x: Any) -> Any:
        states = []
        for encode in self.encoders:
            x, *state = encode(x)
            states.append(state)
        query = ops.repeat(x[:, -1:], self.horizon, axis=1)
        for decode, state in zip(self.decoders, states, strict=True):
            query = decode(query, initial_state=state)
        weights = ops.softmax(ops.matmul(query, ops.transpose(x, (0, 2, 1))), axis=-1)
        return self.head(self.attend(ops.concatenate([ops.matmul(weights, x), query], axis=-1)))


def seq2seq_attention(n_timesteps: int = 96, n_channels: int = 7) -> keras.Model:
    """LSTM encoder and decoder with dot-product attention, here to forecast 24 steps. Luong et al. 2015, EMNLP.

    Two layers of 256 cells, not four of 1,000; the decoder reads the encoder's last output, not its own answers.
    """
    return on_zeros(Seq2SeqAttention(24, n_channels), n_timesteps, n_channels)


# ------------------------------------------------------------------------------------------------- attention and mixing


class EncoderBlock(L.Layer):
    """A transformer's encoder layer with batch normalisation after each sum."""

    def __init__(self, width: int, n_heads: int, hidden: int, dropout: float):
        super().__init__()
        self.attention = L.MultiHeadAttention(n_heads, width // n_heads, dropout=dropout)
        self.widen, self.narrow = L.Dense(hidden, activation="gelu"), L.Dense(width)
        self.norms = [L.BatchNormalization() for _ in range(2)]
        self.drop = L.Dropout(dropout)

    def call(self, x: Any) -> Any:
        x = self.norms[0](x + self.drop(self.attention(x, x)))
        return self.norms[1](x + self.drop(self.narrow(self.drop(self.widen(x)))))


class TimeSeriesTransformer(keras.Model):
    def __init__(self, n_timesteps: int, n_classes: int, width: int = 64):
        super().__init__(name="transformer")
        self.embed = L.Dense(width)
        self.position = self.add_weight(shape=(n_timesteps, width), initializer="random_uniform", name="position")
        self.blocks = [EncoderBlock(width, 8, 256, 0.1) for _ in range(3)]
        self.flatten, self.head = L.Flatten(), L.Dense(n_classes, activation="softmax")

    def call(self, x: Any) -> Any:
        x = self.embed(x) * self.embed.units**0.5 + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.flatten(ops.gelu(x)))


def transformer(n_timesteps: int = 93, n_channels: int = 13) -> keras.Model:
    """Transformer encoder with learned positions, at its code's default size. Zerveas et al. 2021, KDD."""
    return on_zeros(TimeSeriesTransformer(n_timesteps, 10), n_timesteps, n_channels)


class PatchTST(keras.Model):
    STRIDE = 8

    def __init__(self, n_timesteps: int, n_channels: int, horizon: int, width: int = 128):
        super().__init__(name="patch_tst")
        self.n_patches, self.n_channels, self.horizon = n_timesteps // self.STRIDE, n_channels, horizon
        self.embed = L.Dense(width)
        self.position = self.add_weight(shape=(self.n_patches, width), initializer="random_uniform", name="position")
        self.blocks = [EncoderBlock(width, 16, 256, 0.2) for _ in range(3)]
        self.flatten, self.head = L.Flatten(), L.Dense(horizon)

    def call(self, x: Any) -> Any:
        mean, deviation = ops.mean(x, axis=1, keepdims=True), ops.std(x, axis=1, keepdims=True) + 1e-5
        x = ops.transpose((x - mean) / deviation, (0, 2, 1))
        x = ops.concatenate([x, ops.repeat(x[..., -1:], self.STRIDE, axis=-1)], axis=-1)
        halves = ops.reshape(x, (-1, self.n_patches + 1, self.STRIDE))
        h = self.embed(ops.concatenate([halves[:, :-1], halves[:, 1:]], axis=-1)) + self.position
        for block in self.blocks:
            h = block(h)
        h = ops.reshape(self.head(self.flatten(h)), (-1, self.n_channels, self.horizon))
        return ops.transpose(h, (0, 2, 1)) * deviation + mean


def patch_tst(n_timesteps: int = 336, n_channels: int = 21) -> keras.Model:
    """PatchTST/42 for Weather: attention between patches, channel by channel; 96 steps ahead. Nie et al. 2023, ICLR.

    Without the residual attention scores of the authors' code; the steps must be a multiple of 8.
    """
    return on_zeros(PatchTST(n_timesteps, n_channels, 96), n_timesteps, n_channels)


def ts_mixer(n_timesteps: int = 512, n_channels: int = 7) -> keras.Model:
    """TSMixer: dense layers over steps and over channels in turn; 96 steps ahead. Chen et al. 2023, TMLR.

    Layer normalisation over steps and channels, one of the two that the authors' code offers.
    """
    x = h = keras.Input((n_timesteps, n_channels))
    for _ in range(8):
        over_steps = L.Permute((2, 1))(L.LayerNormalization(axis=[1, 2])(h))
        over_steps = L.Permute((2, 1))(L.Dense(n_timesteps, activation="relu")(over_steps))
        h = L.Add()([h, L.Dropout(0.7)(over_steps)])
        over_channels = L.Dense(64, activation="relu")(L.LayerNormalization(axis=[1, 2])(h))
        h = L.Add()([h, L.Dropout(0.7)(L.Dense(n_channels)(L.Dropout(0.7)(over_channels)))])
    return keras.Model(x, L.Permute((2, 1))(L.Dense(96)(L.Permute((2, 1))(h))), name="ts_mixer")


class NBeats(keras.Model):
    def __init__(self, n_timesteps: int, horizon: int, n_blocks: int = 30, width: int = 512):
        super().__init__(name="n_beats")
        self.n_timesteps = n_timesteps
        self.hidden = [[L.Dense(width, activation="relu") for _ in range(4)] for _ in range(n_blocks)]
        self.bases = [L.Dense(n_timesteps + horizon) for _ in range(n_blocks)]

    def call(self, x: Any) -> Any:
        rest, forecast = ops.transpose(x, (0, 2, 1)), 0.0
        for hidden, basis in zip(self.hidden, self.bases, strict=True):
            h = rest
            for dense in hidden:
                h = dense(h)
            h = basis(h)
            rest, forecast = rest - h[..., : self.n_timesteps], forecast + h[..., self.n_timesteps :]
        return ops.transpose(forecast, (0, 2, 1))


def n_beats(n_timesteps: int = 90, n_channels: int = 1) -> keras.Model:
    """N-BEATS, generic, for monthly M4: 30 blocks of backcast and forecast, 18 steps ahead. Oreshkin et al. 2020, ICLR.

    More than one channel shares the weights.
    """
    return on_zeros(NBeats(n_timesteps, 18), n_timesteps, n_channels)


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
