"""What a reader of a .tflite file should know before trusting its figures, one sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite, prod

import numpy as np

from modelfiles.description import Operator, Quantization, TFLiteTensor
from modelfiles.tflite_quantization import Node
from modelfiles.tflite_schema import TENSOR_TYPES, RawModel, RawTensor
from modelfiles.tflite_tensors import fills_shape, numbers

MAX_WARNINGS = 20
"""Sentences in one description; a damaged file has one for every tensor."""

LARGEST_TENSOR = 2**31
"""Bytes from which one tensor is worth a warning: no board of the lab could hold it."""

_ACCELERATORS = {
    "edgetpu-custom-op": "Google Edge TPU",
    "ethos-u": "Arm Ethos-U",
    "NeutronGraph": "NXP eIQ Neutron",
    "vsi-npu": "VeriSilicon NPU",
    "DISPATCH_OP": "an NPU, by LiteRT's compiler",
}
"""Custom operators into which the vendors' compilers put whole graphs, weights included."""

_OPAQUE_OPTION_BYTES = 16 * 1024
"""Options of a custom operator above this are a program or weights; ordinary ones hold a few numbers."""

_CHUNK = 2**20
"""Elements tested for finiteness at a time, so that memory does not grow with the tensor."""

_TYPES = {kind.name: kind for kind in TENSOR_TYPES}


def compiled_for(operators: Iterable[Operator]) -> tuple[str, ...]:
    """Devices for which operators of the file are compiled already."""
    # LiteRT numbers its operators: DISPATCH_OP_1, DISPATCH_OP_2, …
    names = [op.name.split("_OP")[0] + "_OP" if "_OP" in op.name else op.name for op in operators if op.custom]
    return tuple(dict.fromkeys(_ACCELERATORS[name] for name in names if name in _ACCELERATORS))


def warnings(
    raw: RawModel,
    tensors: Sequence[Sequence[TFLiteTensor]],
    weights: Sequence[TFLiteTensor],
    nodes: Sequence[Sequence[Node]],
) -> tuple[str, ...]:
    """At most `MAX_WARNINGS` sentences, the ones that concern the whole file first."""
    found = [*_about_operators(raw, nodes), *_about_file(raw, tensors)]
    several = len(tensors) > 1
    for number, (graph, raw_graph) in enumerate(zip(tensors, raw.subgraphs, strict=True)):
        where = f"subgraph {number}, " if several else ""
        for tensor, raw_tensor in zip(graph, raw_graph.tensors, strict=True):
            found += [f"{where}tensor {tensor.index} {tensor.name!r} {what}" for what in _about(tensor, raw_tensor)]
    found += _not_finite(raw, weights)
    if len(found) > MAX_WARNINGS:
        found[MAX_WARNINGS - 1 :] = [f"… and {len(found) - MAX_WARNINGS + 1:,} more warnings."]
    return tuple(found)


def _about_operators(raw: RawModel, nodes: Sequence[Sequence[Node]]) -> Iterator[str]:
    options: Counter[str] = Counter()
    for graph, raw_graph in zip(nodes, raw.subgraphs, strict=True):
        for node, operator in zip(graph, raw_graph.operators, strict=True):
            if node.operator.custom:
                options[node.operator.name] += operator.custom_option_bytes
    for name, size in options.items():
        devices = compiled_for([Operator(name, 1, custom=True)])
        if devices:
            yield (
                f"compiled for {devices[0]}: operator {name!r} is opaque ({size:,} bytes of its own); "
                "parameters and quantization are those of the rest of the file."
            )
        elif size >= _OPAQUE_OPTION_BYTES:
            yield f"custom operator {name!r} holds {size:,} bytes that only its own kernel understands."
    flex = sorted(name for name in options if name.startswith("Flex"))
    if flex:
        yield f"needs the Flex delegate, which pip's runtimes lack: {', '.join(flex)}."
    others = sorted(name for name in options if name not in flex and not compiled_for([Operator(name, 1, True)]))
    if others:
        yield f"custom operators, which the runtime must bring: {', '.join(others)}."


def _about_file(raw: RawModel, tensors: Sequence[Sequence[TFLiteTensor]]) -> Iterator[str]:
    if raw.version != 3:
        yield f"schema version {raw.version}; interpreters take version 3 only."
    outside = sum(t.external_buffer > 0 for graph in raw.subgraphs for t in graph.tensors)
    if outside:
        names = ", ".join(repr(name) for name in raw.external_groups) or "unnamed"
        yield f"{outside:,} tensors keep their values in other files ({names}), which are not counted."
    unknown = sorted({t.dtype for graph in tensors for t in graph if t.dtype not in _TYPES})
    if unknown:
        yield f"tensor types newer than this reader: {', '.join(unknown)}."


def _about(tensor: TFLiteTensor, raw: RawTensor) -> Iterator[str]:
    """Sentences without their subject, about the shape and the quantization of one tensor."""
    bits = raw.type.bits
    static = [int(d) for d in raw.shape]
    open_ended = [int(d) for d in raw.signature]
    negative = next((s for s, floor in ((static, 0), (open_ended, -1)) if min(s, default=0) < floor), None)
    if negative is not None:
        yield f"has a negative dimension: {tuple(negative)}."
    elif prod(static) * bits // 8 > LARGEST_TENSOR:
        yield f"would take {prod(static) * bits // 8:,} bytes: {tuple(static)}."
    elif tensor.constant and bits and not tensor.sparse and not fills_shape(tensor):
        yield f"stores {tensor.nbytes:,} bytes, which do not fill its shape {tensor.shape}."
    if tensor.quantization is not None:
        yield from _about_scales(tensor.quantization, tensor.shape)


def _about_scales(quantization: Quantization, shape: tuple[int, ...]) -> Iterator[str]:
    count = len(quantization.scales)
    if not all(isfinite(scale) and scale > 0 for scale in quantization.scales):
        yield "has a quantization scale that is not a positive number."
    if len(quantization.zero_points) not in (0, 1, count):
        yield f"has {count:,} quantization scales and {len(quantization.zero_points):,} zero points."
    if count > 1:
        axis = quantization.dimension
        if not 0 <= axis < len(shape) or shape[axis] != count:
            yield f"has {count:,} quantization scales along dimension {quantization.dimension} of {shape}."


def _not_finite(raw: RawModel, weights: Sequence[TFLiteTensor]) -> list[str]:
    found = []
    for tensor in weights:
        kind = _TYPES[tensor.dtype]
        if kind.name not in ("float32", "float16", "float64", "bfloat16"):
            continue
        width = kind.bits // 8
        stored = raw.buffers[tensor.buffer]
        whole = stored[: stored.size // width * width]
        parts = (whole[i : i + _CHUNK * width] for i in range(0, whole.size, _CHUNK * width))
        bad = sum(int(np.count_nonzero(~np.isfinite(numbers(part, kind)))) for part in parts)
        if bad:
            found.append(f"tensor {tensor.index} {tensor.name!r} holds {bad:,} values that are not finite.")
    return found
