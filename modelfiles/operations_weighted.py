"""Layers with weights, each as a function of a float32 array made from its configuration and weights.

Formulas are those of Keras's own documentation, at inference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from modelfiles.activations import activation
from modelfiles.errors import ModelFileError, UnsupportedLayer
from modelfiles.settings import Settings
from modelfiles.windows import Windows, allocate, convolve, convolve_depthwise

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]
Unary = Callable[[Array], Array]
Builder = Callable[[Settings, Weights], Unary]

BATCH_NORMALIZATION_EPSILON = 1e-3
NORMALIZATION_EPSILON = np.float32(1e-7)
"""Keras's backend epsilon, below which a standard deviation is not taken."""


def _weight(settings: Settings, weights: Weights, name: str, rank: int) -> Array:
    if name not in weights or weights[name].ndim != rank:
        shape = weights[name].shape if name in weights else "missing"
        raise ModelFileError(f"damaged: layer {settings.layer!r} has a {name} that does not fit: {shape}.")
    return weights[name]


def _bias(settings: Settings, weights: Weights, size: int) -> Array | None:
    if not settings.flag("use_bias", True):
        return None
    bias = _weight(settings, weights, "bias", 1)
    if len(bias) != size:
        raise ModelFileError(f"damaged: layer {settings.layer!r} has {len(bias)} biases for {size} outputs.")
    return bias


def _check_channels(settings: Settings, x: Array, rank: int | None, channels: int) -> None:
    if (rank is not None and x.ndim != rank) or x.ndim < 2 or x.shape[-1] != channels:
        raise ModelFileError(
            f"layer {settings.layer!r} takes {channels} channels, but is given an array of shape {x.shape}."
        )


def _dense(settings: Settings, weights: Weights) -> Unary:
    kernel = _weight(settings, weights, "kernel", 2)
    bias = _bias(settings, weights, kernel.shape[1])
    function = activation(settings.raw("activation"), settings.layer)

    def compute(x: Array) -> Array:
        _check_channels(settings, x, None, len(kernel))
        y = allocate((*x.shape[:-1], kernel.shape[1]))
        np.matmul(x, kernel, out=y)
        if bias is not None:
            y += bias
        return function(y)

    return compute


def window_settings(settings: Settings, size: tuple[int, int], strides: tuple[int, int]) -> Windows:
    """The geometry that a configuration asks for."""
    settings.only("data_format", "channels_last")
    same = settings.only("padding", "valid", "same") == "same"
    dilation = settings.pair("dilation_rate", 1)
    return Windows(size, strides, same, dilation)


def _convolution(settings: Settings, weights: Weights) -> Unary:
    settings.only("groups", 1)
    kernel = _weight(settings, weights, "kernel", 4)
    windows = window_settings(settings, (kernel.shape[0], kernel.shape[1]), settings.pair("strides", 1))
    bias = _bias(settings, weights, kernel.shape[3])
    function = activation(settings.raw("activation"), settings.layer)

    def compute(x: Array) -> Array:
        _check_channels(settings, x, 4, kernel.shape[2])
        y = convolve(x, kernel, windows)
        if bias is not None:
            y += bias
        return function(y)

    return compute


def _depthwise(settings: Settings, weights: Weights) -> Unary:
    kernel = _weight(settings, weights, "depthwise_kernel", 4)
    windows = window_settings(settings, (kernel.shape[0], kernel.shape[1]), settings.pair("strides", 1))
    pointwise = weights.get("pointwise_kernel")
    outputs = kernel.shape[2] * kernel.shape[3]
    if pointwise is not None and (pointwise.ndim != 4 or pointwise.shape[:3] != (1, 1, outputs)):
        raise ModelFileError(f"damaged: layer {settings.layer!r} has kernels that do not fit together.")
    bias = _bias(settings, weights, outputs if pointwise is None else pointwise.shape[3])
    function = activation(settings.raw("activation"), settings.layer)

    def compute(x: Array) -> Array:
        _check_channels(settings, x, 4, kernel.shape[2])
        y = convolve_depthwise(x, kernel, windows)
        if pointwise is not None:
            y = convolve(y, pointwise, Windows((1, 1)))
        if bias is not None:
            y += bias
        return function(y)

    return compute


def _batch_normalization(settings: Settings, weights: Weights) -> Unary:
    mean = _weight(settings, weights, "moving_mean", 1)
    variance = _weight(settings, weights, "moving_variance", 1)
    one, zero = np.ones_like(mean), np.zeros_like(mean)
    gamma = _weight(settings, weights, "gamma", 1) if settings.flag("scale", True) else one
    beta = _weight(settings, weights, "beta", 1) if settings.flag("center", True) else zero
    if not len(mean) == len(variance) == len(gamma) == len(beta):
        raise ModelFileError(f"damaged: layer {settings.layer!r} has statistics of different sizes.")
    scale = gamma / np.sqrt(variance + np.float32(settings.number("epsilon", BATCH_NORMALIZATION_EPSILON)))
    axis = settings.integers("axis", low=-1)

    def compute(x: Array) -> Array:
        if len(axis) != 1 or axis[0] not in (-1, x.ndim - 1):
            raise UnsupportedLayer(f"layer {settings.layer!r} normalises along axis {axis}, not the last one.")
        _check_channels(settings, x, None, len(mean))
        y: Array = (x - mean) * scale + beta
        return y

    return compute


def _layer_normalization(settings: Settings, weights: Weights) -> Unary:
    settings.only("rms_scaling", False)
    epsilon = np.float32(settings.number("epsilon", BATCH_NORMALIZATION_EPSILON))
    gamma = _weight(settings, weights, "gamma", 1) if settings.flag("scale", True) else np.ones(1, np.float32)
    beta = _weight(settings, weights, "beta", 1) if settings.flag("center", True) else np.zeros(1, np.float32)
    axis = settings.integers("axis", low=-1) if "axis" in settings else [-1]

    def compute(x: Array) -> Array:
        if len(axis) != 1 or axis[0] not in (-1, x.ndim - 1):
            raise UnsupportedLayer(f"layer {settings.layer!r} normalises along axis {axis}, not the last one.")
        for values in (gamma, beta):
            if len(values) != 1:
                _check_channels(settings, x, None, len(values))
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        y: Array = centred / np.sqrt(variance + epsilon) * gamma + beta
        return y

    return compute


def _normalization(settings: Settings, weights: Weights) -> Unary:
    stored = "mean" in weights
    mean = weights["mean"] if stored else settings.numbers("mean")
    variance = weights["variance"] if stored and "variance" in weights else settings.numbers("variance")
    deviation = np.maximum(np.sqrt(variance), NORMALIZATION_EPSILON)
    axes = settings.integers("axis", low=-32) if "axis" in settings else []
    invert = settings.flag("invert", False)

    def compute(x: Array) -> Array:
        kept = {axis % x.ndim for axis in axes}
        shape = [size if axis in kept else 1 for axis, size in enumerate(x.shape)]
        try:
            centre = mean.reshape(shape) if mean.size > 1 else mean.reshape([1] * x.ndim)
            spread = deviation.reshape(shape) if deviation.size > 1 else deviation.reshape([1] * x.ndim)
        except ValueError:
            raise ModelFileError(
                f"layer {settings.layer!r} has statistics of shape {mean.shape} for inputs of shape {x.shape}."
            ) from None
        return np.asarray(x * spread + centre if invert else (x - centre) / spread, np.float32)

    return compute


def _prelu(settings: Settings, weights: Weights) -> Unary:
    alpha = weights.get("alpha")

    def compute(x: Array) -> Array:
        fits = alpha is not None and alpha.ndim == x.ndim - 1
        if alpha is None or not fits or any(a not in (1, n) for a, n in zip(alpha.shape, x.shape[1:], strict=True)):
            raise ModelFileError(f"damaged: layer {settings.layer!r} has slopes that do not fit {x.shape[1:]}.")
        return np.maximum(x, 0) + alpha * np.minimum(x, 0)

    return compute


BUILDERS: dict[str, Builder] = {
    "BatchNormalization": _batch_normalization,
    "Conv2D": _convolution,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "LayerNormalization": _layer_normalization,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "SeparableConv2D": _depthwise,
}
