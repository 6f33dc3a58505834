"""TFLite conversions in a child process, so that an abort is a record and not the end of everything.

One child imports TensorFlow once and converts everything; if a conversion takes it down, the next one starts
another. Nothing half-written comes of it: the child renames a .tflite into place when it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from reference.errors import means_disk_full
from reference.evidence import Conversion

TIMEOUT_SECONDS = 300.0
TAIL_BYTES = 2_000


class Converter:
    """Converts models in a child process; a context manager that leaves no process behind.

    `command` is what the child runs, this project's `reference.convert` unless a test says otherwise.
    """

    def __init__(self, command: Sequence[str] | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self._command = list(command or (sys.executable, "-m", "reference.convert"))
        self._timeout = timeout
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def start(self) -> None:
        """Start the child, so that it imports TensorFlow while this process does something else."""
        if self._child is not None:
            return
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed with the child
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "PYTHONPATH": _python_path()},
            start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
        )

    def convert(self, source: Path, target: Path, mode: str, scratch: Path, rows: Path | None = None) -> Conversion:
        """Convert the model at `source` to `target`; whatever happens to the child is in the answer.

        `mode` is one of `reference.convert.MODES`; int8 needs `rows`, an .npy file of representative inputs.
        `scratch` is a folder for what is thrown away.

        Raises:
            OSError: the disk is full. That is not the converter's fault, so it is no conversion's outcome.
        """
        self.start()
        started = time.perf_counter()
        request = {"source": source, "target": target, "mode": mode, "scratch": scratch, "rows": rows}
        outcome = self._ask({name: str(value) if value else None for name, value in request.items()})
        if means_disk_full(Exception(outcome.get("error"), outcome.get("stderr_tail"))):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        outcome.setdefault("seconds", time.perf_counter() - started)
        return Conversion(file=target.name, source=source.name, mode=mode, **outcome)

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._end()

    def __enter__(self) -> Converter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: dict[str, str | None]) -> dict[str, Any]:
        assert self._child is not None
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(request).encode() + b"\n")
            self._child.stdin.flush()
            line = self._answer()
        except BrokenPipeError:
            line = b""  # it had died before it was asked
        except TimeoutError:
            tail = self._end()
            return {
                "outcome": "timeout",
                "error": f"no answer within {self._timeout:g} seconds",
                "stderr_tail": tail,
            }
        if not line.endswith(b"\n"):
            child = self._child
            tail = self._end(killing=False)
            return {
                "outcome": "crashed",
                "error": _cause(child.returncode),
                "exit_status": child.returncode,
                "stderr_tail": tail,
            }
        answer = json.loads(line)
        return {"outcome": "refused" if "error" in answer else "converted", **answer}

    def _answer(self) -> bytes:
        """The next line that the child writes, or what there is of it when the child ends."""
        assert self._child is not None
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        deadline = time.monotonic() + self._timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                part = os.read(descriptor, 65_536)
                if not part:
                    break
                line += part
        return line

    def _end(self, *, killing: bool = True) -> str:
        """End the child and what it has started; gives the tail of its standard error."""
        child, stderr = self._child, self._stderr
        assert child is not None
        assert stderr is not None
        self._child = self._stderr = None
        if killing:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        with stderr:
            stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - TAIL_BYTES))
            return stderr.read().decode(errors="replace").strip()


def _cause(status: int) -> str:
    if status >= 0:
        return f"the converter's process ended with status {status}"
    return f"the converter's process was ended by {signal.Signals(-status).name}"


def _python_path() -> str:
    """Where the child finds this package, wherever the parent was started."""
    here = str(Path(__file__).parent.parent)
    known = os.environ.get("PYTHONPATH")
    return f"{here}{os.pathsep}{known}" if known else here
