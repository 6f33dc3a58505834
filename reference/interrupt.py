"""Ctrl-C, also where a library swallows it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from reference.progress import Progress


class Interrupt:
    """While it is entered, an interrupt that raised and went no further is remembered, and raised by `check`.

    A bare `except` or a callback from C++ can catch a KeyboardInterrupt that arrives at the wrong moment; Keras
    and TensorFlow have such places. Outside the main thread, or where somebody else handles interrupts, this does
    nothing.
    """

    def __init__(self) -> None:
        self._seen = False
        self._installed = False

    def __enter__(self) -> Interrupt:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there has been an interrupt."""
        if self._seen:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen = True
        signal.default_int_handler(number, frame)


class CheckedProgress:
    """Passes progress on, and looks for an interrupt with every step."""

    def __init__(self, progress: Progress, interrupt: Interrupt) -> None:
        self._progress, self._interrupt = progress, interrupt

    def say(self, sentence: str) -> None:
        """Tell one sentence."""
        self._interrupt.check()
        self._progress.say(sentence)

    @contextmanager
    def steps(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """Open a bar."""
        with self._progress.steps(label, total) as advance:

            def checked() -> None:
                self._interrupt.check()
                advance()

            yield checked
        self._interrupt.check()
