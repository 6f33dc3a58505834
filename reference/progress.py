"""How far the work has come, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """Where the reference reports to: a terminal, or nobody."""

    def say(self, sentence: str) -> None:
        """Tell one sentence."""

    def steps(self, label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        """Open a bar of `total` steps (epochs, trials, images); the function it gives advances it by one."""


class Silent:
    """Reports to nobody."""

    def say(self, sentence: str) -> None:
        """Tell nobody."""

    def steps(self, label: str, total: int) -> AbstractContextManager[Callable[[], None]]:  # noqa: ARG002
        """Open no bar."""
        return nullcontext(lambda: None)
