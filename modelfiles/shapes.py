"""Output shapes of Keras's layers from their configuration, batch first; None where it cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from modelfiles.architecture import Config, Node
from modelfiles.description import Shape

_SAME = frozenset(
    """
    Activation ActivityRegularization AlphaDropout BatchNormalization Dropout ELU GaussianDropout
    GaussianNoise GroupNormalization Identity InputLayer LayerNormalization LeakyReLU Masking Normalization
    PReLU RMSNormalization RandomBrightness RandomContrast RandomFlip RandomRotation RandomTranslation
    RandomZoom ReLU Rescaling Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D ThresholdedReLU
    UnitNormalization
    """.split()  # noqa: SIM905 - names, to be read as a list of names
)
_MERGES = frozenset({"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"})


def output_shape(node: Node, inputs: Sequence[Shape | None]) -> Shape | None:
    """Shape that a layer makes of its inputs' shapes; None for a class not known here or a senseless setting."""
    if not inputs or any(shape is None for shape in inputs):
        return None
    shapes = [shape for shape in inputs if shape is not None]
    try:
        return _infer(node.kind, node.config, shapes)
    except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError):
        return None


def _infer(kind: str, config: Config, inputs: list[Shape]) -> Shape | None:
    first = inputs[0]
    if kind in _SAME or (kind in _MERGES and all(shape == first for shape in inputs)):
        return first
    if kind in _BY_KIND:
        return _BY_KIND[kind](config, first)
    if kind == "Concatenate":
        axis = int(config.get("axis", -1)) % len(first)
        sizes = [shape[axis] for shape in inputs]
        total = None if None in sizes else sum(size for size in sizes if size is not None)
        return (*first[:axis], total, *first[axis + 1 :])
    return None


def _per_axis(value: object, rank: int) -> list[int]:
    """An integer, or one for each spatial axis."""
    values = [value] * rank if isinstance(value, int) else value
    if not isinstance(values, list) or len(values) != rank or not all(type(item) is int for item in values):
        raise ValueError("neither an integer nor one for each axis")
    return values


def slid(size: int | None, window: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """Positions of a window along an axis: TensorFlow's rule for "valid", "same" and "causal"."""
    if size is None:
        return None
    if padding == "valid":
        size -= (window - 1) * dilation
    return max(0, -(-size // stride))


def _windows(config: Config, shape: Shape, sizes: object, strides: object, channels: int | None) -> Shape:
    if config.get("data_format") == "channels_first":
        raise ValueError("channels first")
    rank = len(shape) - 2
    axes = zip(
        shape[1:-1],
        _per_axis(sizes, rank),
        _per_axis(strides, rank),
        _per_axis(config.get("dilation_rate", 1), rank),
        strict=True,
    )
    padding = config.get("padding", "valid")
    return (
        shape[0],
        *(slid(n, window, stride, padding, dilation) for n, window, stride, dilation in axes),
        channels,
    )


def _convolution(config: Config, shape: Shape) -> Shape:
    return _windows(config, shape, config["kernel_size"], config.get("strides", 1), config["filters"])


def _depthwise(config: Config, shape: Shape) -> Shape:
    channels = None if shape[-1] is None else shape[-1] * config.get("depth_multiplier", 1)
    return _windows(config, shape, config["kernel_size"], config.get("strides", 1), channels)


def _pooling(config: Config, shape: Shape) -> Shape:
    strides = config.get("strides") or config["pool_size"]
    return _windows(config, shape, config["pool_size"], strides, shape[-1])


def _global_pooling(config: Config, shape: Shape) -> Shape:
    if config.get("data_format") == "channels_first":
        raise ValueError("channels first")
    kept = (1,) * (len(shape) - 2) if config.get("keepdims") else ()
    return (shape[0], *kept, shape[-1])


def _flatten(_config: Config, shape: Shape) -> Shape:
    sizes = [size for size in shape[1:] if size is not None]
    return (shape[0], prod(sizes) if len(sizes) == len(shape) - 1 else None)


def _reshape(config: Config, shape: Shape) -> Shape:
    target = [int(size) for size in config["target_shape"]]
    (_, total) = _flatten(config, shape)
    known = prod(size for size in target if size != -1)
    return (shape[0], *((None if total is None else total // known) if size == -1 else size for size in target))


def _resized(factor: int, key: str) -> Callable[[Config, Shape], Shape]:
    """Padding (+1) and cropping (-1): an amount before and after on each spatial axis."""

    def infer(config: Config, shape: Shape) -> Shape:
        if config.get("data_format") == "channels_first":
            raise ValueError("channels first")
        amounts = config[key]
        pairs = [amounts] if all(isinstance(item, int) for item in amounts) else amounts
        sums = [factor * sum(pair) for pair in pairs]
        sizes = [None if size is None else size + extra for size, extra in zip(shape[1:-1], sums, strict=True)]
        return (shape[0], *sizes, shape[-1])

    return infer


def _up_sampling(config: Config, shape: Shape) -> Shape:
    factors = _per_axis(config["size"], len(shape) - 2)
    sizes = [None if size is None else size * factor for size, factor in zip(shape[1:-1], factors, strict=True)]
    return (shape[0], *sizes, shape[-1])


def _recurrent(config: Config, shape: Shape) -> Shape:
    steps = (shape[1],) if config.get("return_sequences") else ()
    return (shape[0], *steps, int(config["units"]))


_BY_KIND: dict[str, Callable[[Config, Shape], Shape]] = {
    "Dense": lambda config, shape: (*shape[:-1], int(config["units"])),
    "Embedding": lambda config, shape: (*shape, int(config["output_dim"])),
    "Flatten": _flatten,
    "Permute": lambda config, shape: (shape[0], *(shape[axis] for axis in config["dims"])),
    "RepeatVector": lambda config, shape: (shape[0], int(config["n"]), *shape[1:]),
    "Reshape": _reshape,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D"), _convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **{f"{how}Pooling{rank}D": _pooling for how in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{how}Pooling{rank}D": _global_pooling for how in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": _resized(1, "padding") for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _resized(-1, "cropping") for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _up_sampling for rank in (1, 2, 3)},
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _recurrent),
}
