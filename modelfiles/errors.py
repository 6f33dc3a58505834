"""What can go wrong with a model file, as the three exceptions that this room raises."""

from __future__ import annotations

from typing import Literal

FailureKind = Literal["refused", "crashed", "timeout", "rubbish", "unavailable"]


class ModelFileError(ValueError):
    """The file cannot be read as a model: one sentence that says what it is and what to do about it."""


class UnsupportedLayer(ModelFileError):
    """The file was read, but it holds a layer that our own forward pass does not compute."""


class RuntimeFailure(Exception):
    """A runtime gave no usable answer for a model.

    `kind` says who is to blame: "refused" (the runtime rejected the model with a reason), "crashed" (its process
    ended), "timeout" (no answer in time), "rubbish" (an answer that does not follow the protocol), or
    "unavailable" (no such runtime here). `reason` is one sentence for the reader.
    """

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind
        self.reason = reason

    def __reduce__(self) -> tuple[type[RuntimeFailure], tuple[FailureKind, str]]:
        return type(self), (self.kind, self.reason)
