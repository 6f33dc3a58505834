"""Predictions of a Keras model in NumPy, from its description and weights: no TensorFlow, no code of the file's.

Only the layers in `operations` are computed; every other raises UnsupportedLayer. Single precision throughout, as
Keras computes by default; what differs is the order of the sums, about 1e-7 of the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modelfiles.architecture import Node, Reference, execution_order, model_inputs, model_outputs
from modelfiles.description import Shape
from modelfiles.errors import ModelFileError, UnsupportedLayer
from modelfiles.kinds import MODEL_KINDS
from modelfiles.layers import input_shapes
from modelfiles.operations import Operation, operation
from modelfiles.reading import open_model

Array = npt.NDArray[np.float32]

MAX_APPLICATIONS = 10_000
"""Layers that one prediction may apply, nested models' each time; a model of 1,000 layers applies 1,000."""
BATCH_ELEMENTS = 2**25
"""Numbers alive at once to aim at: 128 MiB."""
MAX_ALIVE = 2**28
"""Numbers alive at once that are never exceeded within one model: 1 GiB."""


class LoadedModel:
    """A model in memory, ready to predict; the file is closed.

    `input_shape` is the shape it takes, batch included, or None where the file does not say; `layers` are the names
    of its own layers, in order.
    """

    def __init__(self, model: Node, weights: Mapping[str, Mapping[str, Array]]) -> None:
        if len(model_outputs(model)) != 1 or len(model_inputs(model)) != 1:
            raise UnsupportedLayer("the model has several inputs or outputs, which is not computed here.")
        self.layers = tuple(child.name for child in model.children if child.kind != "InputLayer")
        self.input_shape: Shape | None = input_shapes(model)[0]
        self._graph = _Graph(model, weights, "")
        if self._graph.applications > MAX_APPLICATIONS:
            raise ModelFileError(f"refused: the model applies more than {MAX_APPLICATIONS:,} layers.")

    def predict(self, x: npt.ArrayLike, batch_size: int = 256, until: str | None = None) -> Array:
        """The model's output for each row of `x`, as float32.

        `x`: any numbers, batch first; taken as float32. At most `batch_size` rows are computed at once, fewer
        where layers are large. `until` names one of `layers`, whose output is given instead: the features that
        a frozen base makes, for instance. Raises ModelFileError where `x` does not fit the model.
        """
        rows = self._fitting(np.asarray(x))
        if until is not None and until not in self.layers:
            raise ModelFileError(f"there is no layer {until!r}: the model has {', '.join(self.layers)}.")
        with np.errstate(all="ignore"):  # overflow and NaN are results here, as they are in Keras
            # One row first, zeros where there is none: it shows the output's shape and how much is alive at once.
            first = rows[:1] if len(rows) else np.zeros((1, *rows.shape[1:]), np.float32)
            sample, alive = self._graph.run([_single(first)], until)
            step = max(1, min(batch_size, BATCH_ELEMENTS // max(alive, 1)))
            out = np.empty((len(rows), *sample[0].shape[1:]), np.float32)
            for start in range(0, len(rows), step):
                batch = _single(rows[start : start + step])
                out[start : start + step] = self._graph.run([batch], until)[0][0]
        return out

    def _fitting(self, x: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """`x` with the axes that the model takes: a column may come without its axis, as for Keras."""
        if x.dtype.kind not in "biuf" or x.ndim == 0:
            raise ModelFileError(f"the model takes arrays of numbers, but was given {x.dtype} of shape {x.shape}.")
        shape = self.input_shape
        if shape is None:
            return x
        if len(shape) == x.ndim + 1 and shape[-1] in (1, None):
            x = x[..., None]
        if len(shape) != x.ndim or any(
            a is not None and a != b for a, b in zip(shape[1:], x.shape[1:], strict=True)
        ):
            raise ModelFileError(f"the model takes arrays of shape {shape}, but was given one of shape {x.shape}.")
        return x


def load(path: str | Path) -> LoadedModel:
    """The Keras model in a file or SavedModel folder, ready for many predictions.

    Raises UnsupportedLayer where it holds a layer that is not computed here, ModelFileError where the file is no
    readable model or holds no architecture (weights alone, an exported SavedModel).
    """
    path = Path(path)
    with open_model(path) as opened:
        if not opened.complete:
            raise ModelFileError(
                "it holds weights but no architecture, so it cannot be computed: save the whole model."
            )
        weights = {
            layer: {array.name: _single(array.read()) for array in arrays}
            for layer, arrays in opened.arrays.items()
        }
        with np.errstate(all="ignore"):
            return LoadedModel(opened.architecture, weights)


def predict(model: str | Path | LoadedModel, x: npt.ArrayLike, batch_size: int = 256) -> Array:
    """Output of a model, or of the model in a file, for each row of `x` as float32; see `LoadedModel.predict`."""
    loaded = model if isinstance(model, LoadedModel) else load(model)
    return loaded.predict(x, batch_size)


def _single(values: npt.NDArray[np.generic]) -> Array:
    return np.ascontiguousarray(values, np.float32)


class _Application(NamedTuple):
    """One layer applied: what computes it, the tensors it reads, the layer and call it is."""

    compute: Operation | _Graph
    reads: tuple[Reference, ...]
    layer: str
    call: int
    last_uses: tuple[Reference, ...]


class _Graph:
    """A model compiled to a list of applications."""

    def __init__(self, model: Node, weights: Mapping[str, Mapping[str, Array]], path: str) -> None:
        if model.kind not in MODEL_KINDS:
            raise UnsupportedLayer(
                f"the model {model.name!r} is of class {model.kind!r}, which is not computed here."
            )
        self.name = model.name
        self._inputs, self._outputs = model_inputs(model), model_outputs(model)
        self.applications = 0
        nested: dict[str, _Graph] = {}
        made = set(self._inputs)
        steps: list[tuple[Operation | _Graph, tuple[Reference, ...], str, int]] = []
        for node, call, (layer, index) in execution_order(model):
            below = f"{path}/{node.name}" if path else node.name
            _check_made(node.name, call.inputs, made)
            made.add(Reference(layer, index, 0))
            if node.is_model or node.kind in MODEL_KINDS:
                if layer not in nested:
                    nested[layer] = _Graph(node, weights, below)
                self.applications += nested[layer].applications
                made.update(Reference(layer, index, i) for i in range(len(nested[layer]._outputs)))
                steps.append((nested[layer], call.inputs, layer, index))
            else:
                self.applications += 1
                steps.append((operation(node, weights.get(below, {}), call), call.inputs, layer, index))
        _check_made(model.name, self._outputs, made)
        seen = set(self._outputs)
        self._steps: list[_Application] = []
        for compute, reads, layer, index in reversed(steps):
            last = tuple(dict.fromkeys(reference for reference in reads if reference not in seen))
            seen.update(reads)
            self._steps.insert(0, _Application(compute, reads, layer, index, last))

    def run(self, inputs: list[Array], until: str | None = None) -> tuple[list[Array], int]:
        """(outputs, most numbers alive at once); with `until`, the first output of that layer alone."""
        if len(inputs) != len(self._inputs):
            raise ModelFileError(
                f"the model {self.name!r} takes {len(self._inputs)} inputs; it is given {len(inputs)}."
            )
        tensors = dict(zip(self._inputs, inputs, strict=True))
        most = 0
        for step in self._steps:
            given = [tensors[reference] for reference in step.reads]
            if isinstance(step.compute, _Graph):
                outputs, inside = step.compute.run(given)
            else:
                outputs, inside = [step.compute(given)], 0
            if any(output.size == 0 for output in outputs):
                raise ModelFileError(f"layer {step.layer!r} makes nothing of the shapes it is given.")
            if step.layer == until:
                return outputs[:1], most
            tensors.update((Reference(step.layer, step.call, i), output) for i, output in enumerate(outputs))
            alive = sum(tensor.size for tensor in tensors.values()) + inside
            most = max(most, alive)
            if alive > MAX_ALIVE:
                raise ModelFileError(f"refused: the model needs more than {MAX_ALIVE:,} numbers at once.")
            for reference in step.last_uses:
                del tensors[reference]
        return [tensors[reference] for reference in self._outputs], most


def _check_made(reader: str, references: tuple[Reference, ...], made: set[Reference]) -> None:
    for reference in references:
        if reference not in made:
            raise ModelFileError(f"damaged: {reader!r} reads an output of {reference.layer!r} that is not made.")
