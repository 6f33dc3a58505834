"""The description of a Keras model, from its architecture and its stored arrays."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from modelfiles.architecture import (
    Node,
    Reference,
    execution_order,
    model_inputs,
    model_outputs,
)
from modelfiles.arrays import StoredArray
from modelfiles.description import KerasModel, Layer, Shape
from modelfiles.errors import ModelFileError
from modelfiles.kinds import MAX_WARNINGS, STATE_NAMES, weight_names
from modelfiles.opened import UNKNOWN, Opened
from modelfiles.shapes import output_shape

MAX_APPLICATIONS = 100_000
"""Layers whose output shapes are inferred, nested models' each time they are used."""


def describe_keras(path: Path, opened: Opened) -> KerasModel:
    """Layer table, counts and warnings of an open file; every array is read once, to look for NaN."""
    model = opened.architecture
    placed = {below for below, _ in model.walk()}
    homeless = tuple(
        Node(name=below, kind=UNKNOWN, module=None, config={}, trainable=True)
        for below in opened.arrays
        if below not in placed
    )
    shapes = OutputShapes(model)
    layers = tuple(
        _layer(child, child.name, opened, shapes)
        for child in (*model.children, *homeless)
        if model.is_graph or child.kind != "InputLayer"
    )
    parameters, trainable = count_parameters(opened, chain(model.walk(), ((node.name, node) for node in homeless)))
    warnings = [*opened.warnings, *_unexpected_weights(opened), *_non_finite(opened)]
    if len(warnings) > MAX_WARNINGS:
        warnings[MAX_WARNINGS:] = [f"and {len(warnings) - MAX_WARNINGS:,} more warnings."]
    return KerasModel(
        path=str(path),
        format=opened.format,
        saved_by=opened.saved_by,
        layers=layers,
        inputs=opened.inputs or tuple(shape for shape in input_shapes(model) if shape is not None),
        parameters=parameters,
        trainable_parameters=trainable,
        non_trainable_parameters=parameters - trainable,
        optimizer_variables=opened.optimizer_variables,
        warnings=tuple(warnings),
        name=model.name,
        kind=model.kind,
        learning_rate=opened.learning_rate,
    )


def _layer(node: Node, path: str, opened: Opened, shapes: OutputShapes) -> Layer:
    below = [(path, node), *node.walk(path)]
    parameters, trainable = count_parameters(opened, below)
    inbound = dict.fromkeys(reference.layer for call in node.calls for reference in call.inputs)
    return Layer(
        name=node.name,
        kind=node.kind,
        config=node.config,
        output_shape=shapes.of(path),
        weights=tuple(array.tensor() for array in opened.arrays.get(path, ())),
        trainable=node.trainable,
        layers=tuple(
            _layer(child, f"{path}/{child.name}", opened, shapes)
            for child in node.children
            if node.is_graph or child.kind != "InputLayer"
        ),
        inbound=tuple(inbound),
        parameters=parameters,
        trainable_parameters=trainable,
    )


def count_parameters(opened: Opened, nodes: Iterable[tuple[str, Node]]) -> tuple[int, int]:
    """(all, trainable) elements of the arrays of these layers, each stored array once."""
    seen: set[Hashable] = set()
    total = trainable = 0
    for path, node in nodes:
        for array in opened.arrays.get(path, ()):
            if array.identity in seen:
                continue
            seen.add(array.identity)
            total += array.size
            state = array.name.split("/")[-1] in STATE_NAMES or array.identity in opened.frozen
            trainable += array.size if node.trainable and not state else 0
    return total, trainable


def input_shapes(model: Node) -> tuple[Shape | None, ...]:
    """The shape of each input of a model, batch included; None where the file does not say."""
    by_name = {child.name: child for child in model.children}
    if model.is_graph:
        nodes = [by_name.get(reference.layer) for reference in model.inputs]
        return tuple(node.input_shape if node else None for node in nodes)
    first = next(iter(model.children), None)
    if model.input_shape is not None or first is None:
        return (model.input_shape,)
    return (first.input_shape,) if not first.is_model or first.input_shape else input_shapes(first)


class OutputShapes:
    """Output shapes of all layers of a model, by path; of a layer used several times, the first."""

    def __init__(self, model: Node) -> None:
        self._shapes: dict[str, Shape | None] = {}
        self._left = MAX_APPLICATIONS
        self._run(model, "", input_shapes(model))

    def of(self, path: str) -> Shape | None:
        """The shape, or None where it cannot be told."""
        return self._shapes.get(path)

    def _run(self, model: Node, path: str, inputs: tuple[Shape | None, ...]) -> tuple[Shape | None, ...]:
        made: dict[Reference, Shape | None] = dict(zip(model_inputs(model), inputs, strict=False))
        for child in model.children:
            if child.kind == "InputLayer":
                self._shapes.setdefault(_below(path, child), child.input_shape)
        try:
            steps = execution_order(model)
        except ModelFileError:
            steps = []
        for node, call, (layer, index) in steps:
            self._left -= 1
            if self._left < 0:
                break
            given = tuple(made.get(reference) for reference in call.inputs)
            below = _below(path, node)
            outputs = self._run(node, below, given) if node.is_model else (output_shape(node, given),)
            self._shapes.setdefault(below, outputs[0] if len(outputs) == 1 else None)
            made.update((Reference(layer, index, i), shape) for i, shape in enumerate(outputs))
        return tuple(made.get(reference) for reference in model_outputs(model))


def _below(path: str, node: Node) -> str:
    return f"{path}/{node.name}" if path else node.name


def _unexpected_weights(opened: Opened) -> Iterator[str]:
    """Layers that lack arrays their class has, or have others."""
    for path, node in opened.architecture.walk() if opened.complete else ():
        expected, arrays = weight_names(node.kind, node.config), opened.arrays.get(path, ())
        if expected is None or node.is_model or node.kind == "Normalization":
            continue
        if len(arrays) != len(expected):
            held = ", ".join(array.name for array in arrays) or "none"
            wanted = ", ".join(expected) or "none"
            yield f"layer {path!r} ({node.kind}) should have the weights {wanted}; it has {held}."


def _non_finite(opened: Opened) -> Iterator[str]:
    """Arrays with NaN or infinity in them."""
    seen: set[Hashable] = set()
    for path, arrays in opened.arrays.items():
        for array in arrays:
            if "float" in array.dtype and array.identity not in seen:
                seen.add(array.identity)
                if bad := _count_non_finite(array):
                    yield f"layer {path!r}: {bad:,} of {array.size:,} values of {array.name} are not finite."


def _count_non_finite(array: StoredArray) -> int:
    values = array.read()
    # One pass without a temporary for the usual case: a sum is finite unless some value is not, or it overflows.
    with np.errstate(all="ignore"):
        if np.isfinite(np.sum(values, dtype=np.float64)):
            return 0
    return int(values.size - np.count_nonzero(np.isfinite(values)))
