"""The converter's own process: `python -m reference.convert` converts what it is asked for on standard input.

A conversion can abort the process it runs in, and no `except` catches that. So it runs here: requests come as JSON
lines on standard input, answers leave as JSON lines on what was standard output when the process began. The
converter prints there too, so that descriptor is put aside first and prints go to standard error.

A request is `{"source", "target", "mode", "scratch", "rows"}`: a .keras file or SavedModel folder, the .tflite to
write, one of `MODES`, a folder for what is thrown away (on the target's file system), and for int8 an .npy file
of float32 inputs that show each activation's range. The answer is `{"bytes", "seconds"}`, or `{"error"}` where
the converter refused. Answers come in the order of the requests.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from reference import environment

MODES = ("float", "dynamic", "float16", "int8")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more; one that fails is answered with its error."""
    environment.prepare()
    for line in requests:
        request = json.loads(line)
        started = time.perf_counter()
        try:
            written = convert(
                Path(request["source"]),
                Path(request["target"]),
                request["mode"],
                Path(request["scratch"]),
                Path(request["rows"]) if request.get("rows") else None,
            )
            answer: dict[str, Any] = {"bytes": written, "seconds": time.perf_counter() - started}
        except Exception as error:  # whatever the converter raises is its answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def convert(source: Path, target: Path, mode: str, scratch: Path, rows: Path | None = None) -> int:
    """Convert `source` and write `target` whole or not at all; gives its size in bytes.

    Raises:
        ValueError: the mode is none of `MODES`, or int8 was asked for without rows; or the converter's own.
    """
    from reference import versions  # imports TensorFlow, which `environment.prepare` must do first

    if mode not in MODES:
        raise ValueError(f"no such mode: {mode}")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        converter = versions.tflite_converter(source, Path(folder) / "saved_model")
        configure(converter, mode, rows)
        unfinished = Path(folder) / target.name
        unfinished.write_bytes(converter.convert())
        unfinished.replace(target)
    return target.stat().st_size


def configure(converter: Any, mode: str, rows: Path | None) -> None:
    """Ask for a precision.

    float: as trained. dynamic: weights as int8, activations quantized as they come (the lab's choice).
    float16: weights at half precision. int8: weights, activations, input and output, whose ranges are
    measured on `rows` (n, ...) one at a time; the only quantization that microcontrollers run.
    """
    import tensorflow as tf

    if mode == "float":
        return
    # A misspelt attribute would be accepted in silence and change nothing: a test looks at what comes out.
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode == "int8":
        if rows is None:
            raise ValueError("int8 needs representative rows")
        converter.representative_dataset = _one_at_a_time(rows)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8


def _one_at_a_time(path: Path) -> Callable[[], Iterator[list[Any]]]:
    rows = np.load(path, allow_pickle=False)

    def representative() -> Iterator[list[Any]]:
        for row in rows:
            yield [row[np.newaxis]]

    return representative


if __name__ == "__main__":
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, private)
