"""Frames to and from a worker process (`worker.py`), with a limit on every wait and on every length."""

from __future__ import annotations

import io
import json
import os
import re
import selectors
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from modelfiles.errors import FailureKind, RuntimeFailure

MAGIC = b"TFLW"
FRAME = struct.Struct("<4sIQ")
MAX_HEADER = 2**20

_TAIL = 64 * 1024
"""Bytes of a worker's standard error that are kept, the last ones."""

_UNINFORMATIVE = re.compile(r"\s*(INFO: |I\d{4} |WARNING: All log messages before|$)")
"""What interpreters print although all is well."""

_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")
"""Meant for this Python; another one would look for its own library in there."""


class WorkerPipe:
    """A worker process and the pipes to it. Every failure is a RuntimeFailure that begins with `name`."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise RuntimeFailure(
                "unavailable", f"{name}: {command[0]} does not start: {error.strerror}."
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        self._tail = bytearray()
        # A full pipe would stop a worker that prints without end; the thread ends with the process.
        self._drain = threading.Thread(target=self._keep_tail, args=(self._process.stderr,), daemon=True)
        self._drain.start()

    def _keep_tail(self, stream: io.BufferedReader) -> None:
        with suppress(ValueError, OSError), stream:
            while chunk := stream.read1(_TAIL):
                self._tail += chunk
                del self._tail[:-_TAIL]

    def close(self) -> None:
        """Kill the process group and reap the worker."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for stream in (self._input, self._output):
            with suppress(OSError):
                stream.close()
        self._drain.join(timeout=1)

    def exchange(
        self, header: Mapping[str, Any], pieces: Sequence[bytes | memoryview], timeout: float, max_payload: int
    ) -> tuple[dict[str, Any], list[memoryview]]:
        """Send a request and receive its answer, both within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        text = json.dumps({**header, "parts": [len(piece) for piece in pieces]}).encode()
        prefix = FRAME.pack(MAGIC, len(text), sum(len(piece) for piece in pieces))
        for piece in (prefix + text, *pieces):
            self._send(memoryview(piece), deadline, timeout)
        return self._receive(deadline, timeout, max_payload)

    def receive(self, timeout: float, max_payload: int) -> tuple[dict[str, Any], list[memoryview]]:
        """(header, pieces) of the next frame."""
        return self._receive(time.monotonic() + timeout, timeout, max_payload)

    @contextmanager
    def well_formed(self) -> Iterator[None]:
        """Turn what a malformed answer does to the code that takes it apart into a failure of that name."""
        try:
            yield
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise self._failure("rubbish", "answers something that is no answer") from error

    def _receive(
        self, deadline: float, timeout: float, max_payload: int
    ) -> tuple[dict[str, Any], list[memoryview]]:
        magic, header_size, payload_size = FRAME.unpack(self._exactly(FRAME.size, deadline, timeout))
        if magic != MAGIC or header_size > MAX_HEADER:
            raise self._failure("rubbish", "answers something that is no frame")
        if payload_size > max_payload:
            raise self._failure("rubbish", f"announces {payload_size:,} bytes, more than {max_payload:,}")
        text = self._exactly(header_size, deadline, timeout)
        payload = memoryview(self._exactly(payload_size, deadline, timeout))
        with self.well_formed():
            header = json.loads(text)
            ends = [0]
            for size in header["parts"]:
                ends.append(ends[-1] + size)
            if ends[-1] != payload_size:
                raise ValueError("the parts do not add up")
            return header, [payload[a:b] for a, b in pairwise(ends)]

    def _send(self, data: memoryview, deadline: float, timeout: float) -> None:
        while data:
            self._wait(self._input, selectors.EVENT_WRITE, deadline, timeout)
            try:
                data = data[os.write(self._input.fileno(), data[: 2**20]) :]
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                raise self._ended() from None

    def _exactly(self, size: int, deadline: float, timeout: float) -> bytes:
        # Grown as bytes arrive: an announced length alone must not take memory.
        data = bytearray()
        while len(data) < size:
            self._wait(self._output, selectors.EVENT_READ, deadline, timeout)
            try:
                chunk = os.read(self._output.fileno(), min(size - len(data), 2**20))
            except BlockingIOError:
                continue
            if not chunk:
                raise self._ended()
            data += chunk
        return bytes(data)

    def _wait(self, stream: Any, event: int, deadline: float, timeout: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(stream, event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise self._failure("timeout", f"gave no answer within {timeout:g} s")

    def _ended(self) -> RuntimeFailure:
        code = self._exit_code(within=5.0)
        if code is None:
            return self._failure("rubbish", "closed its output without an answer")
        if code < 0:
            return self._failure("crashed", f"killed by {_signal_name(-code)}")
        return self._failure("crashed", f"ended with exit code {code}")

    def _exit_code(self, within: float) -> int | None:
        """Exit code of the worker, a signal as its negative number; None if it does not end in so many seconds.

        The worker is left for `close` to reap: until then its number cannot become that of another's group.
        """
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            time.sleep(0.01)
        return None

    def _failure(self, kind: FailureKind, what: str) -> RuntimeFailure:
        # A worker that hangs has not said why: its last words are about something else.
        last = "" if kind == "timeout" else self.last_words()
        return RuntimeFailure(kind, f"{self.name}: {what}{f' ({last})' if last else ''}.")

    def last_words(self) -> str:
        """The last line of the worker's standard error that is no mere information, at most 200 characters."""
        self._drain.join(timeout=0.2)
        lines = bytes(self._tail).decode("utf-8", "replace").splitlines()
        words = next((line.strip() for line in reversed(lines) if not _UNINFORMATIVE.match(line)), "")
        return "".join(c if c.isprintable() else "�" for c in words[:200]).rstrip(".")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def to_npy(array: npt.NDArray[Any]) -> memoryview:
    """The array as the bytes of a .npy file. Raises ValueError for arrays of objects."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getbuffer()


def from_npy(data: memoryview) -> npt.NDArray[Any]:
    """A read-only view of the numbers in a .npy file, its header checked against its length first.

    np.load would allocate what the header claims before it reads. Raises ValueError.
    """
    file = io.BytesIO(data[: 64 * 1024])
    readers: dict[tuple[int, int], Callable[[Any], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, fortran_order, dtype = readers[np.lib.format.read_magic(file)](file)
    values = data[file.tell() :]
    if dtype.kind not in "biufc" or any(d < 0 for d in shape):
        raise ValueError(f"not an array of numbers: {dtype}")
    array = np.frombuffer(values, dtype)
    return array.reshape(shape, order="F" if fortran_order else "C")
