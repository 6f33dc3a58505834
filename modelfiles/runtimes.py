"""TFLite runtimes as worker processes: one process and one time limit for whatever a model file may do.

Interpreters are C++ that strangers' files have crashed, hung and made to answer rubbish, and two of them cannot
share a process. So a runtime is a Python of its own that runs `worker.py`; here is the other end of its pipe.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from modelfiles.errors import RuntimeFailure
from modelfiles.pipes import MAX_HEADER, WorkerPipe, from_npy, to_npy
from modelfiles.tflite_schema import read_model

WORKER = Path(__file__).with_name("worker.py")

PROTOCOL = 1

PACKAGES = {
    "tf.lite": "tensorflow",
    "tensorflow": "tensorflow",
    "ai-edge-litert": "ai_edge_litert",
    "litert": "ai_edge_litert",
    "tflite-runtime": "tflite_runtime",
}
"""Names that ask for one interpreter; under any other name the worker takes the first it can import."""

Kernels = Literal["default", "plain", "reference"]


@dataclass(frozen=True)
class RuntimeSpec:
    """How to start a worker: its name in records, and the whole command."""

    name: str
    command: tuple[str, ...]


def parse_runtime(text: str, *, required: bool = True) -> RuntimeSpec:
    """The runtime of `NAME=PYTHON`, PYTHON a path or a command on the search path.

    A NAME that is a key of `PACKAGES`, or one with a suffix as in `tflite-runtime-2.14`, asks for that
    interpreter. Where PYTHON is not there, a runtime that is not `required` is "unavailable" once it is asked.
    Raises ValueError with one sentence that says what is wrong.
    """
    name, separator, python = text.partition("=")
    if not separator or not name or not python:
        raise ValueError(f"{text!r} is no runtime: give NAME=PYTHON, for example tf.lite=/usr/bin/python3.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError(f"{name!r} is no name for a runtime: use letters, digits, '.', '_' and '-'.")
    if python.startswith("ssh:"):
        raise ValueError(f"{name}: runtimes over ssh are not supported; give the path of a Python here.")
    # Not resolved: a virtual environment's Python is a link, and is that environment only under its own name.
    found = shutil.which(str(Path(python).expanduser()) if "/" in python else python)
    if found is None and required:
        raise ValueError(f"{name}: {python} is no program; give the path of a Python that has the runtime.")
    return RuntimeSpec(name, worker_command(found or python, package_of(name)))


def package_of(name: str) -> str | None:
    """The interpreter that a runtime's name asks for, or None for any."""
    known = sorted(PACKAGES, key=len, reverse=True)
    return next((PACKAGES[key] for key in known if name == key or name.startswith((key + "-", key + "_"))), None)


def worker_command(python: str, package: str | None = None) -> tuple[str, ...]:
    """The command that runs the worker under `python`, with one interpreter or the first that it finds."""
    return (python, str(WORKER), *([package] if package else []))


def default_runtimes() -> list[RuntimeSpec]:
    """What is asked when no runtime is named: ai-edge-litert in this interpreter."""
    return [RuntimeSpec("ai-edge-litert", worker_command(sys.executable, "ai_edge_litert"))]


@dataclass(frozen=True)
class Identity:
    """Who answers: the worker's own account, for the record.

    `loaded` are the machine-learning packages in the worker's `sys.modules`. Where "tensorflow" stands beside
    another runtime, its results prove nothing about that runtime.
    """

    module: str
    module_file: str
    version: str | None
    import_seconds: float
    loaded: tuple[str, ...]
    python: str
    numpy: str
    machine: str


@dataclass(frozen=True)
class Port:
    """An input or output as the interpreter reports it; scale 0.0 where it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Answer:
    """What a runtime computed, and how.

    `outputs` is the model's first output, `every_output` all of them: real numbers as float32 where they are
    quantized (unless raw was asked for). Seconds: `load_seconds` to open and allocate, `first_seconds` the first
    call, `seconds` each of the repeated calls, of `rows_per_call` rows. `batching` is "as it is", "resized" or
    "own batch of N". `operators` are the interpreter's nodes, "DELEGATE" among them where one took over; empty
    where it does not tell. `peak_memory` is the largest resident size of the process so far, in bytes.
    """

    outputs: npt.NDArray[Any]
    every_output: tuple[npt.NDArray[Any], ...]
    module: str
    module_file: str
    version: str | None
    operators: tuple[str, ...]
    load_seconds: float
    first_seconds: float
    seconds: tuple[float, ...]
    rows_per_call: int
    batching: str
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    peak_memory: int | None
    identity: Identity


class RuntimeProcess:
    """A runtime's worker, as a context manager. Used again after a failure, it starts a fresh process.

    Args:
        spec: how it is started, and its name in every sentence about it.
        timeout: seconds for one `run`.
        max_bytes: of a model with its inputs, and of an answer.
        start_timeout: seconds to import the interpreter; TensorFlow takes ten, on a busy machine a minute.
        memory: bytes of address space that a model may add to its process (Linux only), so that a shape bomb
            ends the worker and not the machine.
    """

    def __init__(
        self,
        spec: RuntimeSpec,
        timeout: float = 60.0,
        max_bytes: int = 2**30,
        *,
        start_timeout: float = 300.0,
        memory: int = 4 * 2**30,
    ) -> None:
        self.spec = spec
        self.timeout = timeout
        self.start_timeout = start_timeout
        self.max_bytes = max_bytes
        self.memory = memory
        self._pipe: WorkerPipe | None = None
        self._identity: Identity | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker and everything in its process group. Harmless when there is none."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def start(self) -> WorkerPipe:
        """Start the worker if need be, and do not wait until it is up. Raises RuntimeFailure("unavailable")."""
        if self._pipe is None:
            self._pipe = WorkerPipe(self.spec.name, self.spec.command)
        return self._pipe

    def identity(self) -> Identity:
        """Start the worker if need be and say who it is. Raises RuntimeFailure("unavailable")."""
        if self._pipe is None or self._identity is None:
            pipe = self.start()
            try:
                self._identity = self._introduction(pipe)
            except BaseException:
                self.close()
                raise
        return self._identity

    def _introduction(self, pipe: WorkerPipe) -> Identity:
        try:
            header, _ = pipe.receive(self.start_timeout, MAX_HEADER)
            with pipe.well_formed():
                if header["protocol"] != PROTOCOL:
                    raise RuntimeFailure("unavailable", f"{self.spec.name}: speaks another protocol than ours.")
                if not header["ok"]:
                    raise RuntimeFailure("unavailable", f"{self.spec.name}: {header['reason']}.")
                return Identity(**(_fields(header, Identity) | {"loaded": tuple(header["loaded"])}))
        except RuntimeFailure as failure:
            # Whatever keeps a worker from introducing itself, no model is to blame for it.
            raise RuntimeFailure("unavailable", failure.reason) from failure

    def run(
        self,
        model: bytes,
        inputs: npt.NDArray[Any] | Sequence[npt.NDArray[Any]],
        repeats: int = 0,
        threads: int = 1,
        *,
        kernels: Kernels = "default",
        raw: bool = False,
        batch: int = 256,
        check: bool = True,
    ) -> Answer:
        """Outputs of `model` (the bytes of a .tflite file) for a batch of inputs of any number of rows.

        `inputs` is one array or one for each input, rows first; real numbers, quantized here by the file's scale
        where the model takes integers, unless `raw`. `repeats` more calls are timed afterwards, on the last rows
        that were run. `batch` is the most rows at once. `check` reads the file statically first.

        Raises ModelFileError for a file that is truncated or damaged (nothing reaches the interpreter), and
        RuntimeFailure: refused, crashed, timeout, rubbish or unavailable. After each failure but "refused" the
        process is gone, and the next call starts another.
        """
        if check:
            read_model(model)
        arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
        pieces: list[bytes | memoryview] = [model, *(to_npy(array) for array in arrays)]
        if sum(len(piece) for piece in pieces) > self.max_bytes:
            raise RuntimeFailure(
                "refused", f"{self.spec.name}: model and inputs take more than {self.max_bytes:,} bytes."
            )
        request = {
            "op": "run",
            "threads": threads,
            "repeats": repeats,
            "kernels": kernels,
            "raw": raw,
            "batch": batch,
            # The worker's own alarm, for when this process is gone; ours must come first.
            "timeout": int(self.timeout) + 10,
            "memory": self.memory,
            "max_bytes": self.max_bytes,
        }
        identity = self.identity()
        pipe = self._pipe
        assert pipe is not None
        try:
            header, payload = pipe.exchange(request, pieces, self.timeout, self.max_bytes + MAX_HEADER)
            with pipe.well_formed():
                if header["ok"]:
                    return _answer(header, payload, identity)
                kind, reason = header["kind"], str(header["reason"]).rstrip(".")
                if kind not in ("refused", "unavailable"):
                    raise ValueError(kind)
        except BaseException:
            self.close()
            raise
        who = f"{self.spec.name} {identity.version or ''}".rstrip()
        what = "refused the model" if kind == "refused" else "does not work here"
        raise RuntimeFailure(kind, f"{who} {what}: {reason}.")


def _fields(header: dict[str, Any], kind: type[Identity | Port]) -> dict[str, Any]:
    return {field.name: header[field.name] for field in fields(kind)}


def _port(entry: dict[str, Any]) -> Port:
    return Port(**(_fields(entry, Port) | {"shape": tuple(entry["shape"])}))


def _answer(header: dict[str, Any], payload: list[memoryview], identity: Identity) -> Answer:
    outputs = tuple(from_npy(piece) for piece in payload)
    return Answer(
        outputs=outputs[0],
        every_output=outputs,
        module=identity.module,
        module_file=identity.module_file,
        version=identity.version,
        operators=tuple(str(name) for name in header["operators"]),
        load_seconds=float(header["load_seconds"]),
        first_seconds=float(header["first_seconds"]),
        seconds=tuple(float(second) for second in header["seconds"]),
        rows_per_call=int(header["rows_per_call"]),
        batching=str(header["batching"]),
        input_ports=tuple(_port(entry) for entry in header["inputs"]),
        output_ports=tuple(_port(entry) for entry in header["outputs"]),
        peak_memory=header["peak_memory"],
        identity=identity,
    )
