"""Layers without weights, each as a function of a float32 array made from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from modelfiles.activations import activation, elu, relu, softmax
from modelfiles.errors import ModelFileError
from modelfiles.operations_weighted import Array, Builder, Unary, Weights, window_settings
from modelfiles.settings import Settings
from modelfiles.windows import Windows, allocate, padded, pool_average, pool_max


def _check_rank(settings: Settings, x: Array, rank: int) -> None:
    if x.ndim != rank:
        raise ModelFileError(f"layer {settings.layer!r} takes images, but is given an array of shape {x.shape}.")


def _pooling(pool: Callable[[Array, Windows], Array], settings: Settings, _weights: Weights) -> Unary:
    size = settings.pair("pool_size", 2)
    windows = window_settings(settings, size, settings.pair("strides") if "strides" in settings else size)

    def compute(x: Array) -> Array:
        _check_rank(settings, x, 4)
        return pool(x, windows)

    return compute


def _global_pooling(largest: bool, settings: Settings, _weights: Weights) -> Unary:
    settings.only("data_format", "channels_last")
    keep = settings.flag("keepdims", False)

    def compute(x: Array) -> Array:
        _check_rank(settings, x, 4)
        if largest:
            return np.asarray(x.max(axis=(1, 2), keepdims=keep))
        # Summed in double precision: over 12,544 pixels, single precision would lose the fifth digit.
        return np.asarray(x.mean(axis=(1, 2), keepdims=keep, dtype=np.float64), np.float32)

    return compute


def _flatten(settings: Settings, _weights: Weights) -> Unary:
    settings.only("data_format", "channels_last")
    return lambda x: x.reshape(len(x), -1) if x.size else x.reshape(len(x), int(np.prod(x.shape[1:])))


def _reshape(settings: Settings, _weights: Weights) -> Unary:
    target = settings.integers("target_shape", low=-1)

    def compute(x: Array) -> Array:
        try:
            return x.reshape(len(x), *target)
        except ValueError:
            raise ModelFileError(
                f"layer {settings.layer!r} cannot make the shape {tuple(target)} of {x.shape[1:]}."
            ) from None

    return compute


def _permute(settings: Settings, _weights: Weights) -> Unary:
    axes = settings.integers("dims")
    if sorted(axes) != list(range(1, len(axes) + 1)):
        raise settings.wrong("dims")

    def compute(x: Array) -> Array:
        _check_rank(settings, x, len(axes) + 1)
        return np.ascontiguousarray(x.transpose(0, *axes))

    return compute


def _rescaling(settings: Settings, _weights: Weights) -> Unary:
    scale, offset = settings.numbers("scale", 1.0), settings.numbers("offset", 0.0)

    def compute(x: Array) -> Array:
        try:
            y = x * scale + offset
        except ValueError:
            y = x[:0]
        if y.shape != x.shape:
            raise ModelFileError(f"layer {settings.layer!r} has a scale that does not fit the shape {x.shape}.")
        return np.asarray(y, np.float32)

    return compute


def _zero_padding(settings: Settings, _weights: Weights) -> Unary:
    settings.only("data_format", "channels_last")
    rows, columns = settings.borders("padding")

    def compute(x: Array) -> Array:
        _check_rank(settings, x, 4)
        return padded(x, rows, columns)

    return compute


def _cropping(settings: Settings, _weights: Weights) -> Unary:
    settings.only("data_format", "channels_last")
    (top, bottom), (left, right) = settings.borders("cropping")

    def compute(x: Array) -> Array:
        _check_rank(settings, x, 4)
        return np.ascontiguousarray(x[:, top : x.shape[1] - bottom, left : x.shape[2] - right])

    return compute


def _up_sampling(settings: Settings, _weights: Weights) -> Unary:
    settings.only("data_format", "channels_last")
    settings.only("interpolation", "nearest")
    rows, columns = settings.pair("size", 2)

    def compute(x: Array) -> Array:
        _check_rank(settings, x, 4)
        n, height, width, channels = x.shape
        y = allocate((n, height * rows, width * columns, channels))
        y.reshape(n, height, rows, width, columns, channels)[:] = x[:, :, None, :, None]
        return y

    return compute


def _activation(settings: Settings, _weights: Weights) -> Unary:
    function = activation(settings.raw("activation"), settings.layer)
    return lambda x: function(x.copy())


def _relu(settings: Settings, _weights: Weights) -> Unary:
    ceiling = settings.number("max_value", 0.0) if "max_value" in settings else None
    slope, threshold = settings.number("negative_slope", 0.0), settings.number("threshold", 0.0)
    return lambda x: relu(x.copy(), slope, ceiling, threshold)


def _leaky_relu(settings: Settings, _weights: Weights) -> Unary:
    slope = settings.number("negative_slope" if "negative_slope" in settings else "alpha", 0.3)
    return lambda x: relu(x.copy(), slope)


def _elu(settings: Settings, _weights: Weights) -> Unary:
    alpha = settings.number("alpha", 1.0)
    return lambda x: elu(x.copy(), alpha)


def _softmax(settings: Settings, _weights: Weights) -> Unary:
    axis = settings.integer("axis", -1, low=-1)

    def compute(x: Array) -> Array:
        if axis >= x.ndim:
            raise settings.wrong("axis")
        return softmax(x.copy(), axis)

    return compute


BUILDERS: dict[str, Builder] = {
    "Activation": _activation,
    "AveragePooling2D": partial(_pooling, pool_average),
    "Cropping2D": _cropping,
    "ELU": _elu,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": partial(_global_pooling, False),
    "GlobalMaxPooling2D": partial(_global_pooling, True),
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": partial(_pooling, pool_max),
    "Permute": _permute,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "UpSampling2D": _up_sampling,
    "ZeroPadding2D": _zero_padding,
}
