"""Run TFLite models for another process: frames on standard input, frames on standard output, nothing else.

One file that needs NumPy and one interpreter, so that it runs in any environment and on a board: as
`PYTHON worker.py [PACKAGE …]` or `PYTHON -c "$(cat worker.py)" [PACKAGE …]`. The first PACKAGE that can be imported
answers; the default is every key of INTERPRETERS in order. Python 3.9 or newer, NumPy 1 or 2.

A frame is the magic, the length of a JSON header (32 bits) and of a payload (64 bits), both little-endian, then
the two. `parts` in the header gives the lengths of the pieces of the payload. The worker speaks first: who it is,
or why it cannot work. Then it answers each request, until its input ends:

- request: {"op": "run", "parts": [model, input, …], and the keys of DEFAULTS}; each input is a .npy file;
- answer: {"ok": true, …}, each output a .npy file; or {"ok": false, "kind": "refused" or "unavailable",
  "reason": what the interpreter said}.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    # The script's or the current folder: a `numpy.py` lying there must not answer for NumPy.
    del sys.path[0]

import io
import json
import os
import platform
import re
import signal
import struct
import time
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

PROTOCOL = 1
MAGIC = b"TFLW"
FRAME = struct.Struct("<4sIQ")
MAX_HEADER = 2**20
MAX_PAYLOAD = 2**32
DEFAULTS: dict[str, Any] = {
    "threads": 1,  # of the interpreter
    "repeats": 0,  # timed calls after the outputs are known
    "kernels": "default",  # a key of KERNELS
    "raw": False,  # give and take the model's own integers instead of real numbers
    "batch": 256,  # most rows at once
    "timeout": 0,  # seconds after which the process ends itself; 0 for never
    "memory": 0,  # bytes of address space that a model may add; 0 for no limit
    "max_bytes": MAX_PAYLOAD,  # of the outputs
}
KERNELS = {
    "default": "AUTO",  # optimized, with the default delegate (XNNPACK)
    "plain": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
INTERPRETERS = {
    "tflite_runtime": "tflite_runtime.interpreter",
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
"""Package to the module that holds its Interpreter, the quickest to import first."""

Arrays = list[Any]
Header = dict[str, Any]


class Refused(Exception):
    """The model or the request cannot be run; the message goes to the reader."""


def find_interpreter(packages: Sequence[str]) -> tuple[str, Any, float]:
    """(package, module with Interpreter and OpResolverType, seconds to import it) of the first that imports."""
    problems = []
    for package in packages:
        start = time.perf_counter()
        try:
            if package not in INTERPRETERS:
                raise Refused(f"no interpreter is known under the name {package!r}")
            import_module(package)
            module = import_module(INTERPRETERS[package])
        except Exception as error:
            # A broken package may raise anything; the next one may work.
            problems.append(f"{package}: {first_words(error)}")
        else:
            return package, module, time.perf_counter() - start
    raise Refused("; ".join(problems))


def version_of(package: str) -> str | None:
    """Version of an imported package: its own word, else that of the distribution of its name."""
    version = getattr(sys.modules[package], "__version__", None)
    try:
        return str(version or metadata.version(package.replace("_", "-")))
    except metadata.PackageNotFoundError:
        return None


def first_words(error: BaseException) -> str:
    """The first sentence of an error, and the node it is about where the rest names one."""
    if isinstance(error, MemoryError):
        return "the model needs more memory than it may have"
    head, _, rest = str(error).strip().partition("Node number")
    sentences = [re.split(r"\.\s|\n", head.strip())[0]] if head else []
    if rest:
        sentences.append("node" + re.split(r"\.|\n", rest)[0])
    return ": ".join(sentence.rstrip(". ") for sentence in sentences) or f"{type(error).__name__}, without a reason"


def pairs(first: Iterable[Any], second: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    """Both in step; their lengths were compared before."""
    return zip(first, second)  # noqa: B905 - `strict` is newer than Python 3.9


class Model:
    """One model in the interpreter, allocated for its own shapes."""

    def __init__(self, module: Any, content: bytes, options: Header) -> None:
        start = time.perf_counter()
        self.interpreter = module.Interpreter(
            model_content=content,
            num_threads=options["threads"],
            experimental_op_resolver_type=getattr(module.OpResolverType, KERNELS[options["kernels"]]),
        )
        self.interpreter.allocate_tensors()
        self.load_seconds = time.perf_counter() - start
        self.first_seconds: float | None = None
        self.inputs: list[dict[str, Any]] = self.interpreter.get_input_details()
        self.outputs: list[dict[str, Any]] = self.interpreter.get_output_details()
        self.shapes = [tuple(int(d) for d in entry["shape"]) for entry in self.inputs]

    def takes(self, arrays: Arrays) -> bool:
        """Whether the arrays have the shapes that the model's signature leaves open, rows apart."""
        signatures = [entry.get("shape_signature", ()) for entry in self.inputs]
        for array, shape, signature in zip(arrays, self.shapes, signatures):  # noqa: B905 - as in `pairs`
            wanted = [int(d) for d in signature] if len(signature) == len(shape) else list(shape)
            if not shape or array.ndim != len(shape) or array.shape[0] < 1:
                return False
            if any(w not in (-1, got) for w, got in pairs(wanted[1:], array.shape[1:])):
                return False
        return True

    def resize(self, arrays: Arrays) -> None:
        """Allocate for exactly these arrays."""
        for entry, array in pairs(self.inputs, arrays):
            self.interpreter.resize_tensor_input(entry["index"], list(array.shape))
        self.interpreter.allocate_tensors()

    def call(self, arrays: Arrays) -> Arrays:
        """The outputs for inputs of the allocated shapes."""
        for entry, array in pairs(self.inputs, arrays):
            self.interpreter.set_tensor(entry["index"], np.ascontiguousarray(array))
        seconds = self.invoke()
        if self.first_seconds is None:
            self.first_seconds = seconds
        return [self.interpreter.get_tensor(entry["index"]) for entry in self.outputs]

    def invoke(self) -> float:
        """Run what is allocated and set; seconds."""
        start = time.perf_counter()
        self.interpreter.invoke()
        return time.perf_counter() - start

    def operators(self) -> list[str]:
        """Names of the nodes, that of a delegate among them; empty where the interpreter does not tell."""
        try:
            return [str(node["op_name"]) for node in self.interpreter._get_ops_details()]
        except Exception:
            return []  # a private method, and not part of the answer's promise


def run(module: Any, content: bytes, arrays: Arrays, options: Header) -> tuple[Header, Arrays]:
    """(header, outputs) for a batch of any size."""
    model = Model(module, content, options)
    arrays = fit_inputs(model, arrays, options["raw"])
    rows = {array.shape[:1] for array in arrays}
    if [array.shape for array in arrays] == model.shapes:
        outputs, batching = model.call(arrays), "as it is"
    elif len(rows) != 1 or not model.takes(arrays):
        given = ", ".join(str(array.shape) for array in arrays)
        raise Refused(f"inputs of shape {given} given, the model takes {', '.join(map(str, model.shapes))}")
    else:
        try:
            outputs, batching = in_resized_batches(model, arrays, options["batch"]), "resized"
        except (RuntimeError, ValueError, MemoryError) as error:
            # A graph with its batch written into a reshape cannot be resized: give it the batch it wants.
            if any(array.shape[1:] != shape[1:] for array, shape in pairs(arrays, model.shapes)):
                raise Refused(first_words(error)) from error
            model = Model(module, content, options)
            outputs, batching = in_own_batches(model, arrays), f"own batch of {model.shapes[0][0]}"
    header = {
        "batching": batching,
        "rows_per_call": int(([*model.interpreter.get_input_details()[0]["shape"], 1])[0]) if arrays else 1,
        "load_seconds": model.load_seconds,
        "first_seconds": model.first_seconds,
        "seconds": [model.invoke() for _ in range(options["repeats"])],
        "inputs": [details(entry) for entry in model.inputs],
        "outputs": [details(entry) for entry in model.outputs],
        "operators": model.operators(),
    }
    if not options["raw"]:
        outputs = [dequantize(out, entry) for out, entry in pairs(outputs, model.outputs)]
    return header, outputs


def in_resized_batches(model: Model, arrays: Arrays, batch: int) -> Arrays:
    """Outputs for all rows, at most `batch` at a time. Raises what the interpreter raises, or ValueError."""
    chunks, allocated = [], 0
    for start in range(0, len(arrays[0]), batch):
        part = [array[start : start + batch] for array in arrays]
        if len(part[0]) != allocated:
            allocated = len(part[0])
            model.resize(part)
        chunks.append(model.call(part))
        if any(out.shape[:1] != (allocated,) for out in chunks[-1]):
            raise ValueError("an output does not follow the batch")
    return join(chunks)


def in_own_batches(model: Model, arrays: Arrays) -> Arrays:
    """The same in the model's own batch; the last one is filled up with its last row, and cut again."""
    own, rows = model.shapes[0][0], len(arrays[0])
    chunks = []
    for start in range(0, rows, own):
        index = np.minimum(np.arange(start, start + own), rows - 1)
        outputs = model.call([array[index] for array in arrays])
        if any(out.shape[:1] != (own,) for out in outputs):
            raise Refused(f"the model takes {own} rows at a time and its outputs do not tell them apart")
        chunks.append([out[: rows - start] for out in outputs])
    return join(chunks)


def join(chunks: list[Arrays]) -> Arrays:
    """Each output's chunks in a row."""
    return [np.concatenate([chunk[i] for chunk in chunks]) for i in range(len(chunks[0]))]


def fit_inputs(model: Model, arrays: Arrays, raw: bool) -> Arrays:
    """Inputs in the model's types: real numbers are quantized by the file's scale, others converted safely."""
    if len(arrays) != len(model.inputs):
        raise Refused(f"{len(arrays)} inputs given, the model takes {len(model.inputs)}")
    fitted = []
    for array, entry in pairs(arrays, model.inputs):
        dtype = np.dtype(entry["dtype"])
        scale, zero_point = entry["quantization"]
        if scale and not raw and dtype.kind in "iu":
            array = quantize(array, scale, zero_point, dtype)
        elif not np.can_cast(array.dtype, dtype, "same_kind"):
            raise Refused(f"the input is {array.dtype}, the model takes {dtype}")
        fitted.append(array.astype(dtype, copy=False))
    return fitted


def quantize(array: Any, scale: float, zero_point: int, dtype: Any) -> Any:
    """As the QUANTIZE kernel does: in float32, halves away from zero, clipped to the type."""
    if np.isnan(array).any():
        raise Refused("the input holds NaN, which no integer stands for")
    limits = np.iinfo(dtype)
    scaled = array.astype(np.float32) / np.float32(scale)
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) + zero_point
    return np.clip(rounded, limits.min, limits.max).astype(dtype)


def dequantize(array: Any, entry: dict[str, Any]) -> Any:
    """Real numbers as float32 from quantized integers; anything else as it is."""
    scale, zero_point = entry["quantization"]
    if not scale or array.dtype.kind not in "iu":
        return array
    return (array.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def details(entry: dict[str, Any]) -> Header:
    """An input or output as it goes into the answer."""
    scale, zero_point = entry["quantization"]
    return {
        "name": str(entry["name"]),
        "shape": [int(d) for d in entry["shape"]],
        "dtype": np.dtype(entry["dtype"]).name,
        "scale": float(scale),
        "zero_point": int(zero_point),
    }


def limit(options: Header) -> None:
    """End with the request's timeout even if nobody is left to end us; bound what a model may allocate."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(options["timeout"]))
    if options["memory"] and sys.platform == "linux":
        import resource

        # Counted from here on: importing TensorFlow alone takes gigabytes of addresses.
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = used + int(options["memory"])
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def peak_memory() -> int | None:
    """Largest resident size of this process so far in bytes, or None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Channel:
    """The two ends of the conversation, kept away from everything that prints."""

    def __init__(self) -> None:
        self.source = os.fdopen(os.dup(0), "rb")
        self.sink = os.fdopen(os.dup(1), "wb")
        # Interpreters and delegates write to descriptor 1: from here on that is standard error.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)

    def read(self) -> tuple[Header, list[memoryview]] | None:
        """(header, pieces of the payload), or None at the end of the input."""
        prefix = self.source.read(FRAME.size)
        if not prefix:
            return None
        if len(prefix) < FRAME.size:
            raise Refused("the input ended within a frame")
        magic, header_size, payload_size = FRAME.unpack(prefix)
        if magic != MAGIC or header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
            raise Refused("not a frame of this protocol, or larger than it allows")
        header = json.loads(self.exactly(header_size))
        payload = memoryview(self.exactly(payload_size))
        pieces, start = [], 0
        for size in header["parts"]:
            pieces.append(payload[start : start + size])
            start += size
        if start != payload_size:
            raise Refused("the parts of the frame do not add up")
        return header, pieces

    def exactly(self, size: int) -> bytes:
        """That many bytes of the input."""
        data = self.source.read(size)
        if len(data) != size:
            raise Refused("the input ended within a frame")
        return data

    def write(self, header: Header, pieces: Sequence[Any] = ()) -> None:
        """Send one frame."""
        text = json.dumps(dict(header, parts=[len(piece) for piece in pieces])).encode()
        self.sink.write(FRAME.pack(MAGIC, len(text), sum(len(piece) for piece in pieces)) + text)
        for piece in pieces:
            self.sink.write(piece)
        self.sink.flush()


def to_npy(array: Any) -> memoryview:
    """The array as the bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getbuffer()


def answer(module: Any, request: Header, pieces: list[memoryview]) -> tuple[Header, list[memoryview]]:
    """(header, pieces) of the answer to one request."""
    options = {key: request.get(key, default) for key, default in DEFAULTS.items()}
    if request.get("op") != "run" or options["kernels"] not in KERNELS or not pieces:
        raise Refused("a request that this worker does not know")
    arrays = [np.load(io.BytesIO(piece), allow_pickle=False) for piece in pieces[1:]]
    limit(options)
    header, outputs = run(module, bytes(pieces[0]), arrays, options)
    if sum(out.nbytes for out in outputs) > options["max_bytes"]:
        raise Refused(f"the outputs take more than {options['max_bytes']:,} bytes")
    return dict(header, ok=True, peak_memory=peak_memory()), [to_npy(out) for out in outputs]


def introduction(package: str, module: Any, seconds: float) -> Header:
    """What the worker says of itself: the facts that a record needs to name the runtime."""
    wrapper = getattr(module, "_interpreter_wrapper", module)
    frameworks = ("tensorflow", "ai_edge_litert", "tflite_runtime", "tflite_micro")
    return {
        "ok": True,
        "protocol": PROTOCOL,
        "module": package,
        "module_file": str(getattr(wrapper, "__file__", None) or module.__file__),
        "version": version_of(package),
        "import_seconds": seconds,
        "loaded": [name for name in frameworks if name in sys.modules],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }


def main(packages: Sequence[str]) -> None:
    """Speak first, then answer until the input ends."""
    channel = Channel()
    warnings.simplefilter("ignore")  # tf.lite speaks of its successor each time; standard error is for trouble
    try:
        package, module, seconds = find_interpreter(packages or list(INTERPRETERS))
    except Refused as problem:
        channel.write({"ok": False, "protocol": PROTOCOL, "reason": str(problem)})
        return
    channel.write(introduction(package, module, seconds))
    while (request := channel.read()) is not None:
        pieces: list[memoryview] = []
        try:
            header, pieces = answer(module, *request)
        except Exception as problem:
            # Whatever the interpreter raises is the answer. A package built for another NumPy imports well and
            # breaks at its first model; Python wraps that in words about the broken rules of extension modules.
            broken = isinstance(problem, SystemError) and problem.__cause__ is not None
            reason = first_words(problem.__cause__ or problem) if broken else first_words(problem)
            header = {"ok": False, "kind": "unavailable" if broken else "refused", "reason": reason}
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        channel.write(header, pieces)


if __name__ == "__main__":
    main(sys.argv[1:])
