"""Keras's activation functions on float32 arrays, by their names in a configuration.

Each may overwrite its argument. What the files cannot tell apart is left out: `hard_sigmoid` is one function in
Keras 2 and another in Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from modelfiles.errors import UnsupportedLayer

Array = npt.NDArray[np.float32]
Activation = Callable[[Array], Array]


def relu(x: Array, slope: float = 0.0, ceiling: float | None = None, threshold: float = 0.0) -> Array:
    """X from `threshold` up to `ceiling`; below, `slope` · (x − threshold)."""
    if slope or threshold:
        below = x < threshold
        np.copyto(x, np.float32(slope) * (x - np.float32(threshold)), where=below)
    else:
        np.maximum(x, 0, out=x)
    return x if ceiling is None else np.minimum(x, np.float32(ceiling), out=x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """X where it is positive, else alpha · (e^x − 1)."""
    np.copyto(x, np.float32(alpha) * np.expm1(np.minimum(x, 0)), where=x <= 0)
    return x


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^−x); the overflow of e^−x to infinity gives the right 0."""
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    return np.reciprocal(x, out=x)


def softmax(x: Array, axis: int = -1) -> Array:
    """Exponentials normalised to sum 1 along `axis`, the largest taken off first."""
    x -= x.max(axis=axis, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=axis, keepdims=True)
    return x


def softplus(x: Array) -> Array:
    """log(1 + e^x), without overflow."""
    return np.logaddexp(x, np.float32(0))


def swish(x: Array) -> Array:
    """X · sigmoid(x)."""
    return x * sigmoid(x.copy())


def selu(x: Array) -> Array:
    """Scaled exponential linear unit, with the constants of Klambauer et al. (2017)."""
    return elu(x, alpha=1.6732632423543772) * np.float32(1.0507009873554805)


def gelu(x: Array) -> Array:
    """X · Φ(x), with the exact normal distribution function Φ: Keras's default. 1 + erf cancels below zero."""
    wide = x.astype(np.float64)
    return (0.5 * wide * (1 + erf(wide * np.sqrt(0.5)))).astype(x.dtype)


def erf(x: Array) -> Array:
    """The error function, by the C library, in float64; in the dtype of `x`."""
    values = np.fromiter(map(math.erf, x.ravel().tolist()), np.float64, x.size)
    return values.reshape(x.shape).astype(x.dtype)


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda x: x,
    "relu": relu,
    "relu6": partial(relu, ceiling=6.0),
    "leaky_relu": partial(relu, slope=0.2),
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "sigmoid": sigmoid,
    "softmax": softmax,
    "softmax_v2": softmax,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "swish": swish,
    "silu": swish,
    "tanh": np.tanh,
    "exponential": np.exp,
    "mish": lambda x: x * np.tanh(softplus(x)),
}


def activation(setting: Any, layer: str) -> Activation:
    """The function that a configuration names; UnsupportedLayer for one that is not computed here."""
    if setting is None:
        return ACTIVATIONS["linear"]
    name = setting
    if isinstance(setting, dict) and setting.get("class_name") == "function":
        name = setting.get("config")  # Keras 3 on TensorFlow's own functions, such as tf.nn.softmax
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnsupportedLayer(f"layer {layer!r} has the activation {name!r}, which is not computed here.")
    return ACTIVATIONS[name]
