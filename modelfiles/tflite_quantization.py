"""How a .tflite file is quantized, judged by what its operators read, never by its name or metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modelfiles.description import Operator, TFLiteTensor

_CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
"""Operators at the border of the quantized part; they say nothing about how the model computes."""

_FLOATS = ("float32", "float16", "bfloat16", "float64")


class Node(NamedTuple):
    """An operator where it stands in the graph; -1 among `inputs` is an optional input left out."""

    operator: Operator
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def quantization_kind(graphs: Sequence[tuple[Sequence[TFLiteTensor], Sequence[Node]]]) -> str:
    """The kind of quantization of (tensors, nodes) of each subgraph.

    - "float32" (or "float64", "bfloat16"): nothing is quantized.
    - "float16": weights are stored as float16; the rest may be float32.
    - "dynamic range": operators take float activations and integer weights. Small weights stay float.
    - "weight-only": integer weights are expanded to float before an operator reads them.
    - "full int8" ("full uint8", "full int16"): activations are integers throughout; inputs and outputs of the
      model may still be float behind QUANTIZE and DEQUANTIZE.
    - "mixed: …": some operators compute in integers and others in float, or several kinds stand side by side.

    Weights of another width than the name says follow in brackets, as in "dynamic range (int4 weights)".
    """
    seen = [reading for tensors, nodes in graphs for reading in _readings(tensors, nodes)]
    floats = {reading.family for reading in seen if reading.family in _FLOATS}
    quantized = sorted({reading.family for reading in seen} - floats)
    if not quantized:
        # float16 stands beside float32 as a rule: biases and activations are float32.
        return " and ".join(sorted(floats - {"float32"})) or "float32"
    stored_only = set(quantized) <= {"dynamic range", "weight-only"}
    names = [family + _widths(family, seen) for family in quantized] + ([] if stored_only else sorted(floats))
    return names[0] if len(names) == 1 else "mixed: " + ", ".join(names)


class _Reading(NamedTuple):
    """What one operator computes with: how it is quantized, and the type of its largest weight, if any."""

    family: str
    weight: str | None


def _readings(tensors: Sequence[TFLiteTensor], nodes: Sequence[Node]) -> Iterator[_Reading]:
    expanded = {
        node.outputs[0]: tensors[node.inputs[0]]
        for node in nodes
        if node.operator.name == "DEQUANTIZE" and node.inputs and node.outputs and node.inputs[0] >= 0
        if tensors[node.inputs[0]].constant
    }
    for node in nodes:
        reading = None if node.operator.name in _CONVERSIONS else _reading(node, tensors, expanded)
        if reading is not None:
            yield reading


def _reading(node: Node, tensors: Sequence[TFLiteTensor], expanded: dict[int, TFLiteTensor]) -> _Reading | None:
    """The type of the activations against that of the largest weight; None where only integers are moved."""
    inputs = [i for i in node.inputs if i >= 0]
    flowing = [i for i in inputs if not tensors[i].constant and i not in expanded]
    activations = [tensors[i] for i in (*flowing, *node.outputs) if i >= 0]
    computing = [t.dtype for t in activations if t.dtype in _FLOATS or t.quantization is not None]
    if not computing:
        return None
    activation = computing[0]
    weights = [(tensors[i], False) for i in inputs if tensors[i].weight]
    weights += [(expanded[i], True) for i in inputs if i in expanded and expanded[i].weight]
    if not weights:
        return _Reading(activation if activation in _FLOATS else f"full {activation}", None)
    # A kernel, not its bias: that is int32 by rule and may well take more bytes than a small kernel.
    weight, is_expanded = max(weights, key=lambda pair: (len(pair[0].shape), pair[0].nbytes))
    if activation not in _FLOATS:
        return _Reading(f"full {activation}", weight.dtype)
    if weight.dtype in _FLOATS:
        return _Reading(weight.dtype if weight.dtype != "float32" else activation, weight.dtype)
    return _Reading("weight-only" if is_expanded else "dynamic range", weight.dtype)


def _widths(family: str, seen: Sequence[_Reading]) -> str:
    expected = family.removeprefix("full ") if family.startswith("full ") else "int8"
    widths = {reading.weight for reading in seen if reading.family == family and reading.weight} - {expected}
    return f" ({', '.join(sorted(widths))} weights)" if widths else ""
