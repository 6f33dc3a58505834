"""Architectures in one line, with what only prepares the data left out."""

from __future__ import annotations

from collections.abc import Iterator

from modelfiles.description import KerasModel, Layer

PREPARES = frozenset({"InputLayer", "Normalization", "Rescaling", "Flatten", "Reshape", "Dropout"})
"""Layers that compute nothing of their own: a model with them is the model without them."""


def layer_summary(model: KerasModel) -> str:
    """Such as ``Dense(1, linear)``; several layers are joined by arrows.

    An activation in a layer of its own is the same as one inside the layer before it.
    """
    summaries: list[str] = []
    for layer in _plain_layers(model.layers):
        activation = _own_activation(layer)
        if activation is not None and summaries and summaries[-1].endswith(", linear)"):
            summaries[-1] = summaries[-1].removesuffix("linear)") + activation + ")"
        else:
            summaries.append(_summary(layer))
    return " → ".join(summaries) or "no layers"


def weighted_layers(model: KerasModel) -> list[Layer]:
    """Layers with trainable parameters of their own, in order, nested ones included."""
    return [layer for layer in model.walk() if layer.weights and layer.trainable_parameters]


def _plain_layers(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    for layer in layers:
        if layer.layers:
            yield from _plain_layers(layer.layers)
        elif layer.kind not in PREPARES:
            yield layer


def _summary(layer: Layer) -> str:
    if layer.kind == "Dense":
        return f"Dense({layer.config.get('units')}, {layer.config.get('activation')})"
    return layer.kind


def _own_activation(layer: Layer) -> str | None:
    if layer.kind == "Activation":
        return str(layer.config.get("activation"))
    return {"Softmax": "softmax", "ReLU": "relu", "Sigmoid": "sigmoid"}.get(layer.kind)
