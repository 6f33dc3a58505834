"""What a layer computes at one of its places in a model, from the layers that are computed here (an allow-list).

What only acts in training (dropout, noise, augmentation) is the identity. Layers that Keras computes in half
precision are computed in single precision here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from modelfiles import operations_plain, operations_weighted
from modelfiles.architecture import Call, Node, as_number
from modelfiles.errors import ModelFileError, UnsupportedLayer
from modelfiles.operations_weighted import Array, Builder, Unary, Weights
from modelfiles.settings import Settings
from modelfiles.windows import allocate

Operation = Callable[[list[Array]], Array]
"""Takes the inputs, batch first, and leaves them as they are."""

IDENTITIES = frozenset(
    """
    ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise Identity RandomBrightness
    RandomContrast RandomFlip RandomHeight RandomRotation RandomTranslation RandomWidth RandomZoom
    SpatialDropout1D SpatialDropout2D
    """.split()  # noqa: SIM905 - names, to be read as a list of names
)


def operation(node: Node, weights: Weights, call: Call) -> Operation:
    """What a layer computes in one of its applications.

    Raises UnsupportedLayer for a class, setting or argument that is not computed here, ModelFileError where weights
    or settings do not fit.
    """
    if node.kind in _ARITHMETIC or node.kind == "TFOpLambda":
        return _arithmetic(node, call)
    extra = {name for name, value in call.arguments.items() if value is not False} - {"mask", "training"}
    if extra:
        given = ", ".join(sorted(extra))
        raise UnsupportedLayer(f"layer {node.name!r} is given the argument {given}, which is not computed here.")
    if node.kind in _MERGES:
        return partial(_MERGES[node.kind], Settings(node))
    if node.kind not in _BUILDERS:
        raise UnsupportedLayer(f"layer {node.name!r} is a {node.kind}, which is not computed here.")
    compute = _BUILDERS[node.kind](Settings(node), weights)

    def single(inputs: list[Array]) -> Array:
        if len(inputs) != 1:
            raise UnsupportedLayer(f"layer {node.name!r} ({node.kind}) is given {len(inputs)} inputs.")
        return compute(inputs[0])

    return single


def _identity(_settings: Settings, _weights: Weights) -> Unary:
    return lambda x: x


def _fold(function: Callable[[Array, Array], Array], settings: Settings, inputs: list[Array]) -> Array:
    """Inputs of one shape, combined one after another."""
    if len(inputs) < 2 or any(x.shape != inputs[0].shape for x in inputs):
        shapes = ", ".join(str(x.shape) for x in inputs)
        raise UnsupportedLayer(f"layer {settings.layer!r} combines arrays of the shapes {shapes}.")
    result = inputs[0]
    for x in inputs[1:]:
        result = function(result, x)
    return result


def _average(settings: Settings, inputs: list[Array]) -> Array:
    return _fold(np.add, settings, inputs) / np.float32(len(inputs))


def _subtract(settings: Settings, inputs: list[Array]) -> Array:
    if len(inputs) != 2:
        raise ModelFileError(f"damaged: layer {settings.layer!r} subtracts {len(inputs)} arrays; it takes two.")
    return _fold(np.subtract, settings, inputs)


def _concatenate(settings: Settings, inputs: list[Array]) -> Array:
    rank = inputs[0].ndim if inputs else 0
    axis = settings.integer("axis", -1, low=-32, high=31)
    axis += rank if axis < 0 else 0
    others = {x.shape[:axis] + x.shape[axis + 1 :] for x in inputs}
    if not 0 < axis < rank or len(others) != 1 or any(x.ndim != rank for x in inputs):
        shapes = ", ".join(str(x.shape) for x in inputs)
        raise ModelFileError(f"layer {settings.layer!r} cannot join arrays of the shapes {shapes}.")
    shape = (*inputs[0].shape[:axis], sum(x.shape[axis] for x in inputs), *inputs[0].shape[axis + 1 :])
    return np.concatenate(inputs, axis=axis, out=allocate(shape))


def _arithmetic(node: Node, call: Call) -> Operation:
    """A bare +, −, · or ÷ between tensors, or a tensor and a number, written into the graph."""
    name = node.config.get("function") if node.kind == "TFOpLambda" else node.kind
    function = _ARITHMETIC.get(name) if isinstance(name, str) else None
    numbers = {key: as_number(value) for key, value in call.arguments.items() if key != "name"}
    plain = all(value is not None and key in ("0", "1") for key, value in numbers.items())
    if function is None or not plain or len(numbers) + len(call.inputs) != 2:
        raise UnsupportedLayer(f"layer {node.name!r} is the operation {name}, which is not computed here.")

    def compute(inputs: list[Array]) -> Array:
        if len({x.shape for x in inputs}) > 1:
            raise UnsupportedLayer(f"layer {node.name!r} combines arrays of different shapes.")
        operands = [np.asarray(number, np.float32) for number in numbers.values()]
        first, second = (*inputs, *operands) if "1" in numbers else (*operands, *inputs)
        return np.asarray(function(first, second), np.float32)

    return compute


_ARITHMETIC: dict[str, Callable[..., Array]] = {
    "__operators__.add": np.add,
    "math.add": np.add,
    "math.divide": np.divide,
    "math.multiply": np.multiply,
    "math.subtract": np.subtract,
    "math.truediv": np.divide,
    "ops.Add": np.add,
    "ops.Divide": np.divide,
    "ops.Multiply": np.multiply,
    "ops.Subtract": np.subtract,
    "ops.TrueDivide": np.divide,
}
_MERGES: dict[str, Callable[[Settings, list[Array]], Array]] = {
    "Add": partial(_fold, np.add),
    "Average": _average,
    "Concatenate": _concatenate,
    "Maximum": partial(_fold, np.maximum),
    "Minimum": partial(_fold, np.minimum),
    "Multiply": partial(_fold, np.multiply),
    "Subtract": _subtract,
}
_BUILDERS: dict[str, Builder] = {
    **dict.fromkeys(IDENTITIES, _identity),
    **operations_plain.BUILDERS,
    **operations_weighted.BUILDERS,
}
