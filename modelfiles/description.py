"""What a model file is, as plain frozen values: the answer of `modelfiles.describe`.

How parameters are counted: each stored array counts once, however many layers share it; variables of the
optimizer and of metrics are never parameters; state such as a batch normalisation's moving statistics is a
non-trainable parameter, as in Keras's own summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, NamedTuple

KerasFormat = Literal["keras", "h5", "weights-h5", "savedmodel"]
Shape = tuple[int | None, ...]
"""Dimensions of an array that passes through a model; None is a dimension left open, such as the batch."""


@dataclass(frozen=True)
class Tensor:
    """One stored array. `nbytes` are the bytes of its values, without container or compression."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int

    @property
    def parameters(self) -> int:
        """Number of elements (1 for a scalar)."""
        return prod(self.shape)


@dataclass(frozen=True)
class Layer:
    """One layer, or a nested model when `layers` is not empty.

    `kind` is the class name in the file (`"Dense"`); a class registered elsewhere keeps its registered name
    (`"package>Name"`). `weights` are the layer's own arrays in Keras order (kernel, bias, …); those of a nested
    model belong to its `layers`. `output_shape` is None where it cannot be derived. `inbound` names the layers
    this one reads, in order; it is empty in a plain stack of layers.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    output_shape: Shape | None
    weights: tuple[Tensor, ...]
    trainable: bool
    layers: tuple[Layer, ...] = ()
    inbound: tuple[str, ...] = ()
    parameters: int = 0
    trainable_parameters: int = 0

    @property
    def non_trainable_parameters(self) -> int:
        """Parameters that a fit does not change."""
        return self.parameters - self.trainable_parameters

    def walk(self) -> Iterator[Layer]:
        """This layer, then all nested ones, depth first."""
        yield self
        for layer in self.layers:
            yield from layer.walk()


@dataclass(frozen=True)
class KerasModel:
    """A model saved by any Keras generation, read without TensorFlow.

    `saved_by` is the Keras version that the file names, or None. `inputs` are the shapes the model takes, batch
    included. `optimizer_variables` counts the elements of the optimizer's state, which are no parameters.
    `warnings` are sentences about what a reader should know: non-finite weights, layers that run code, parts of
    the file that could not be understood.
    """

    path: str
    format: KerasFormat
    saved_by: str | None
    layers: tuple[Layer, ...]
    inputs: tuple[Shape, ...]
    parameters: int
    trainable_parameters: int
    non_trainable_parameters: int
    optimizer_variables: int
    warnings: tuple[str, ...] = ()
    name: str = ""
    kind: str = "Sequential"
    learning_rate: float | None = None
    """The optimizer's, where the file was saved with its training configuration."""

    def walk(self) -> Iterator[Layer]:
        """All layers, nested ones included, depth first."""
        for layer in self.layers:
            yield from layer.walk()


class Operator(NamedTuple):
    """An operator of a .tflite file: builtin name (`"CONV_2D"`) or custom code, its version, which of the two."""

    name: str
    version: int
    custom: bool


@dataclass(frozen=True)
class Quantization:
    """Affine quantization, real = scale · (stored - zero_point); several scales run along `dimension`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    dimension: int = 0


@dataclass(frozen=True)
class TFLiteTensor:
    """A tensor of a .tflite file.

    `shape` holds -1 where the signature leaves a dimension open. `nbytes` are the bytes stored in the file: 0
    for an activation. `buffer` is the index of the buffer, which several tensors may share. `weight` tells the
    constants that count as parameters from shapes, axes and indices (see `TFLiteModel`).
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    buffer: int
    quantization: Quantization | None = None
    sparse: bool = False
    variable: bool = False
    weight: bool = False

    @property
    def constant(self) -> bool:
        """True for a tensor whose values stand in the file."""
        return self.nbytes > 0


@dataclass(frozen=True)
class Endpoint:
    """An input or output of a .tflite model; (scale, zero_point) is (0.0, 0) where it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Signature:
    """A named entry point into one subgraph: argument name to tensor name."""

    key: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    subgraph: int = 0


@dataclass(frozen=True)
class Subgraph:
    """One graph of a .tflite file, with its operators in order of execution."""

    name: str
    tensors: tuple[TFLiteTensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[Endpoint, ...]
    outputs: tuple[Endpoint, ...]


@dataclass(frozen=True)
class TFLiteModel:
    """A .tflite file, read without an interpreter.

    `tensors`, `inputs` and `outputs` are the main subgraph's; `operators` lists each (name, version, custom) once,
    over all subgraphs. A *weight* is a constant that is floating point or carries a quantization scale; other
    integers are shapes, axes and indices, and scales are none either. `parameters` counts the elements of the
    weights by their shape, `stored_parameters` those that stand in the file (fewer where weights are sparse),
    `weight_bytes` their bytes (two int4 in one); each buffer counts once, however many tensors share it.

    `quantization` is what the tensors show: "float32", "float16", "dynamic range", "full int8", … `metadata` gives
    the size in bytes by name. `accelerators` names devices for which parts of the file are compiled already:
    what is inside such parts cannot be counted. `external_tensors` counts tensors whose bytes stand in another
    file.
    """

    path: str
    format: Literal["tflite"]
    description: str
    metadata: Mapping[str, int]
    subgraphs: tuple[Subgraph, ...]
    tensors: tuple[TFLiteTensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[Endpoint, ...]
    outputs: tuple[Endpoint, ...]
    parameters: int
    weight_bytes: int
    file_bytes: int
    signatures: tuple[Signature, ...] = ()
    version: int = 3
    quantization: str = "float32"
    stored_parameters: int = 0
    min_runtime_version: str | None = None
    accelerators: tuple[str, ...] = ()
    external_tensors: int = 0
    warnings: tuple[str, ...] = field(default=())
