"""The worker: the same outputs as Keras on every runtime, and a conversation that nothing can disturb."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tflite_builder import OP, TYPE, code, model, operator, quantization, subgraph, tensor

from modelfiles import pipes, runtimes, worker
from modelfiles.errors import RuntimeFailure
from modelfiles.runtimes import RuntimeProcess, RuntimeSpec, worker_command

HERE = Path(__file__).parent
WORKER = Path(worker.__file__)


@pytest.fixture(scope="module")
def litert_process(litert: RuntimeSpec) -> Iterator[RuntimeProcess]:
    with RuntimeProcess(litert) as running:
        yield running


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return dict(np.load(HERE / "data" / "tflite" / "expected.npz"))


# Outputs

TOLERANCE = {
    # float32 sums in another order; float16 weights have 11 bits; int8 outputs step by 1/256.
    "float32": 1e-6,
    "float16": 1e-3,
    "dynamic": 1e-2,
    "per_tensor": 1e-2,
    "int8": 2e-2,
    "int8_float_ends": 2e-2,
    "int16": 1e-2,
}


def refused_by_its_age(process: RuntimeProcess, name: str) -> bool:
    """Today's converter gives a quantized dense layer a version that tflite-runtime 2.14 does not know."""
    return name == "dynamic" and process.identity().module == "tflite_runtime"


@pytest.mark.parametrize("name", TOLERANCE)
def test_todays_files_answer_as_keras_did(process: RuntimeProcess, converted: Path, name: str) -> None:
    expected = np.load(converted / "expected.npz")
    content = (converted / f"{name}.tflite").read_bytes()
    if refused_by_its_age(process, name):
        with pytest.raises(RuntimeFailure, match=r"refused the model: Didn't find op .*'FULLY_CONNECTED' version"):
            process.run(content, expected["x"])
        return
    answer = process.run(content, expected["x"])
    assert answer.outputs.dtype == np.float32
    np.testing.assert_allclose(answer.outputs, expected["y"], rtol=0, atol=TOLERANCE[name])


@pytest.mark.parametrize("name", ["float32", "int8"])
@pytest.mark.parametrize("kernels", ["default", "plain", "reference"])
def test_every_kernel_path_answers(
    process: RuntimeProcess, tflite: Any, expected: dict[str, Any], name: str, kernels: Any
) -> None:
    answer = process.run(tflite(name), expected["x"], kernels=kernels)
    np.testing.assert_allclose(answer.outputs, expected["y"], rtol=0, atol=TOLERANCE[name])
    if kernels != "default":
        assert "DELEGATE" not in answer.operators


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_outputs_do_not_depend_on_the_batch(
    process: RuntimeProcess, tflite: Any, expected: dict[str, Any], batch: int
) -> None:
    whole = process.run(tflite("float32"), expected["x"])
    parts = process.run(tflite("float32"), expected["x"], batch=batch)
    assert whole.batching == parts.batching == "resized"
    # 8 rows in threes leave two: the last call has fewer rows.
    assert parts.rows_per_call == {1: 1, 3: 2, 8: 8}[batch]
    np.testing.assert_allclose(parts.outputs, whole.outputs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_model_with_its_batch_built_in_runs_in_that_batch(
    process: RuntimeProcess, tflite: Any, rows: int
) -> None:
    """The file reshapes to (2, 2, 2): other batches cannot be allocated, odd ones are filled up and cut."""
    x = np.arange(4 * rows, dtype=np.float32).reshape(rows, 4)
    answer = process.run(tflite("own_batch"), x)
    assert answer.batching == ("as it is" if rows == 2 else "own batch of 2")
    np.testing.assert_array_equal(answer.outputs, 2 * x.reshape(rows, 2, 2))


def test_outputs_that_do_not_follow_the_rows_are_refused(process: RuntimeProcess) -> None:
    """Two rows out for one row in: whose are they? A batch of them must not pass for an answer."""
    tensors = [tensor([1, 4], shapeSignature=[-1, 4]), tensor([2], TYPE.INT32, 1), tensor([2, 2])]
    content = model(
        subgraph(tensors, [operator([0, 1], [2])], [0], [2]),
        codes=[code(OP.RESHAPE)],
        buffers=[np.array([-1, 2], "<i4").tobytes()],
    )
    assert process.run(content, np.ones((1, 4), np.float32)).outputs.shape == (2, 2)
    with pytest.raises(RuntimeFailure, match="takes 1 rows at a time and its outputs do not tell them apart"):
        process.run(content, np.ones((3, 4), np.float32))


def test_signatures_loops_and_other_shapes(process: RuntimeProcess, tflite: Any) -> None:
    assert process.run(tflite("signatures"), np.ones((5, 3), np.float32)).outputs.shape == (5, 4)
    assert process.run(tflite("loop"), np.ones(3, np.float32)).outputs.tolist() == [32, 32, 32]


def test_operators_that_a_runtime_lacks_are_named(process: RuntimeProcess, tflite: Any) -> None:
    for name, operator_name in (("custom", "Atanh"), ("flex", "FlexMatrixInverse")):
        with pytest.raises(
            RuntimeFailure, match=rf"^{process.spec.name} .*refused the model: .*{operator_name}"
        ) as caught:
            process.run(tflite(name), np.ones(3, np.float32))
        assert caught.value.kind == "refused"
        assert "\n" not in caught.value.reason


def test_only_the_named_runtime_is_in_the_process(process: RuntimeProcess) -> None:
    """Beside TensorFlow another runtime may silently be TensorFlow's: such results would prove nothing."""
    identity = process.identity()
    assert identity.loaded == (identity.module,)
    assert f"/{identity.module}/" in identity.module_file
    assert identity.version
    assert identity.module == runtimes.package_of(process.spec.name)


# Integers


def test_raw_integers_are_those_of_the_file(process: RuntimeProcess, tflite: Any, expected: dict[str, Any]) -> None:
    content = tflite("int8")
    real = process.run(content, expected["x"])
    (port,), (out,) = real.input_ports, real.output_ports
    assert (port.dtype, out.dtype) == ("int8", "int8")
    x = worker.quantize(expected["x"], port.scale, port.zero_point, np.dtype(np.int8))
    raw = process.run(content, x, raw=True)
    assert raw.outputs.dtype == np.int8
    np.testing.assert_array_equal((raw.outputs - np.float32(out.zero_point)) * np.float32(out.scale), real.outputs)
    with pytest.raises(RuntimeFailure, match="the input is float32, the model takes int8"):
        process.run(content, expected["x"], raw=True)


def quantizing(dtype: int, scale: float, zero_point: int) -> bytes:
    ends = [tensor([1]), tensor([1], dtype, quantized=quantization([scale], [zero_point]))]
    return model(subgraph(ends, [operator([0], [1])], [0], [1]), codes=[code(OP.QUANTIZE, version=2)])


@pytest.mark.parametrize(
    ("number", "dtype", "zero_point"),
    [(TYPE.INT8, "int8", -7), (TYPE.UINT8, "uint8", 120), (TYPE.INT16, "int16", 0)],
)
def test_our_quantizing_is_the_kernels(
    litert_process: RuntimeProcess, number: int, dtype: str, zero_point: int
) -> None:
    """Halves, both ends and beyond, against the QUANTIZE operator of the reference kernels."""
    scale = 0.25
    x = np.concatenate([np.arange(-60, 60, 0.125), [1e6, -1e6, 0.0, -0.0]]).astype(np.float32)
    answer = litert_process.run(quantizing(number, scale, zero_point), x, raw=True, kernels="reference")
    ours = worker.quantize(x, scale, zero_point, np.dtype(dtype))
    np.testing.assert_array_equal(ours, answer.outputs)


@given(
    hnp.arrays(np.int8, st.integers(1, 20)),
    st.floats(2**-10, 2**10, width=32),
    st.integers(-128, 127),
)
def test_quantizing_undoes_dequantizing(stored: Any, scale: float, zero_point: int) -> None:
    real = worker.dequantize(stored, {"quantization": (scale, zero_point)})
    assert real.dtype == np.float32
    np.testing.assert_array_equal(worker.quantize(real, scale, zero_point, np.dtype(np.int8)), stored)


def test_infinities_are_clipped_and_nan_is_refused() -> None:
    ends = worker.quantize(np.array([np.inf, -np.inf], np.float32), 0.1, 0, np.dtype(np.int8))
    assert ends.tolist() == [127, -128]
    with pytest.raises(worker.Refused, match="NaN"):
        worker.quantize(np.array([np.nan], np.float32), 0.1, 0, np.dtype(np.int8))


# Requests that cannot be met


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (
            np.ones((2, 9, 8, 3), np.float32),
            r"inputs of shape \(2, 9, 8, 3\) given, the model takes \(1, 8, 8, 3\)",
        ),
        (np.ones((8, 8, 3), np.float32), r"inputs of shape \(8, 8, 3\) given"),
        (np.ones((0, 8, 8, 3), np.float32), r"inputs of shape \(0, 8, 8, 3\) given"),
        ([np.ones((1, 8, 8, 3), np.float32)] * 2, "2 inputs given, the model takes 1"),
        ([], "0 inputs given, the model takes 1"),
        (np.ones((1, 8, 8, 3), np.complex64), "the input is complex64, the model takes float32"),
    ],
)
def test_unfit_inputs_are_refused_with_both_sides(
    litert_process: RuntimeProcess, tflite: Any, inputs: Any, reason: str
) -> None:
    with pytest.raises(RuntimeFailure, match=reason) as caught:
        litert_process.run(tflite("float32"), inputs)
    assert caught.value.kind == "refused"


def test_integer_and_double_images_are_converted(litert_process: RuntimeProcess, tflite: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    answers = [litert_process.run(tflite("float32"), images.astype(t)).outputs for t in ("u1", "f4", "f8")]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[2], answers[1])


def test_repeated_calls_are_timed_apart(
    litert_process: RuntimeProcess, tflite: Any, expected: dict[str, Any]
) -> None:
    answer = litert_process.run(tflite("float32"), expected["x"][:1], repeats=7, threads=2)
    assert len(answer.seconds) == 7
    assert min(*answer.seconds, answer.first_seconds, answer.load_seconds, answer.identity.import_seconds) > 0
    assert answer.peak_memory is not None
    assert 2**20 < answer.peak_memory < 2**34


def test_several_inputs_and_outputs(litert_process: RuntimeProcess) -> None:
    tensors = [tensor([1, 2], name=n, shapeSignature=[-1, 2]) for n in ("a", "b", "sum", "twice")]
    operators = [operator([0, 1], [2]), operator([2, 2], [3])]
    content = model(subgraph(tensors, operators, [0, 1], [2, 3]), codes=[code(OP.ADD)])
    a, b = np.ones((3, 2), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)
    answer = litert_process.run(content, [a, b])
    assert [o.tolist() for o in answer.every_output] == [(a + b).tolist(), (2 * (a + b)).tolist()]
    assert answer.outputs is answer.every_output[0]
    with pytest.raises(RuntimeFailure, match="given"):
        litert_process.run(content, [a, b[:2]])


# The file and the protocol


def test_the_worker_needs_one_file_numpy_and_an_interpreter() -> None:
    """It must run on a board, under Python 3.9, with nothing of ours beside it."""
    tree = ast.parse(WORKER.read_text(), feature_version=(3, 9))
    names = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    names |= {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == {"numpy"}


def test_both_ends_speak_the_same_protocol() -> None:
    assert (worker.MAGIC, worker.FRAME.format, worker.MAX_HEADER) == (
        pipes.MAGIC,
        pipes.FRAME.format,
        pipes.MAX_HEADER,
    )
    assert worker.PROTOCOL == runtimes.PROTOCOL
    assert set(runtimes.PACKAGES.values()) == set(worker.INTERPRETERS)


def test_the_worker_runs_from_its_text_alone(tflite: Any, expected: dict[str, Any]) -> None:
    """As it will on a board, over ssh, where no file of ours lies."""
    spec = RuntimeSpec("text", (sys.executable, "-c", WORKER.read_text(), "ai_edge_litert"))
    with RuntimeProcess(spec) as process:
        answer = process.run(tflite("float32"), expected["x"])
    np.testing.assert_allclose(answer.outputs, expected["y"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("start", ["-c", "file"])
def test_a_stray_numpy_is_not_imported(tmp_path: Path, start: str) -> None:
    for folder in {tmp_path, tmp_path / "beside"}:
        folder.mkdir(exist_ok=True)
        (folder / "numpy.py").write_text("raise SystemExit('imported the stray one')")
    script = tmp_path / "beside" / "worker.py"
    script.write_text(WORKER.read_text())
    command = [sys.executable, *(["-c", WORKER.read_text()] if start == "-c" else [str(script)]), "ai_edge_litert"]
    done = subprocess.run(command, input=b"", capture_output=True, cwd=tmp_path, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(worker.MAGIC)


def converse(frames: bytes, *packages: str) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[bytes]]:
    """Headers of the worker's frames for raw bytes on its input."""
    command = worker_command(sys.executable, *packages)
    done = subprocess.run(command, input=frames, capture_output=True, check=False, timeout=120)
    return headers_of(done.stdout), done


def headers_of(output: bytes) -> list[dict[str, Any]]:
    """The header of every frame; fails where anything else stands between them."""
    headers, rest = [], io.BytesIO(output)
    while prefix := rest.read(worker.FRAME.size):
        magic, header_size, payload_size = worker.FRAME.unpack(prefix)
        assert magic == worker.MAGIC
        headers.append(json.loads(rest.read(header_size)))
        assert len(rest.read(payload_size)) == payload_size
    return headers


def frame(header: dict[str, Any], *pieces: bytes) -> bytes:
    text = json.dumps({**header, "parts": [len(piece) for piece in pieces]}).encode()
    return worker.FRAME.pack(worker.MAGIC, len(text), sum(map(len, pieces))) + text + b"".join(pieces)


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_requests_that_make_no_sense_are_answered_and_survived(tflite: Any) -> None:
    good = frame({"op": "run"}, tflite("loop"), npy(np.ones(3, np.float32)))
    pickled = npy(np.array([{}], object), allow_pickle=True)
    bad = [
        frame({"op": "dance"}),
        frame({"op": "run"}),
        frame({"op": "run", "kernels": "none"}, tflite("loop")),
        frame({"op": "run"}, tflite("loop"), b"no array"),
        frame({"op": "run"}, tflite("loop"), pickled),
        frame({"op": "run", "max_bytes": 4}, tflite("loop"), npy(np.ones(3, np.float32))),
    ]
    headers, _ = converse(b"".join([*bad, good]), "ai_edge_litert")
    assert [header["ok"] for header in headers] == [True, *[False] * len(bad), True]
    assert "allow_pickle" in headers[5]["reason"]
    assert headers[6]["reason"] == "the outputs take more than 4 bytes"


NO_FRAME = b"Refused: not a frame of this protocol, or larger than it allows"
CUT = b"Refused: the input ended within a frame"


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", NO_FRAME),
        (worker.FRAME.pack(worker.MAGIC, worker.MAX_HEADER + 1, 0), NO_FRAME),
        (worker.FRAME.pack(worker.MAGIC, 2, worker.MAX_PAYLOAD + 1), NO_FRAME),
        (worker.FRAME.pack(worker.MAGIC, 100, 0) + b"{}", CUT),
        (b"TF", CUT),
    ],
)
def test_what_is_no_frame_ends_the_worker(frames: bytes, reason: bytes) -> None:
    headers, done = converse(frames, "ai_edge_litert")
    assert len(headers) == 1
    assert done.returncode == 1
    assert reason in done.stderr


def test_an_interpreter_that_is_not_there_is_said(tmp_path: Path) -> None:
    headers, done = converse(b"", "tflite_nowhere")
    assert headers == [
        {
            "ok": False,
            "protocol": worker.PROTOCOL,
            "reason": "tflite_nowhere: no interpreter is known under the name 'tflite_nowhere'",
            "parts": [],
        }
    ]
    assert done.returncode == 0


def test_chatter_on_standard_output_does_not_reach_the_frames(tmp_path: Path) -> None:
    """A package that prints and reads while it is imported, from Python and from C, as converters do."""
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").write_text("import os; print('hello'); os.write(1, b'from C\\n'); os.read(0, 10)")
    (package / "interpreter.py").write_text("")
    text = WORKER.read_text().replace("import io\n", f"import io\nsys.path.insert(0, {str(tmp_path)!r})\n", 1)
    command = [sys.executable, "-c", text, "tflite_runtime"]
    done = subprocess.run(command, input=frame({"op": "dance"}), capture_output=True, check=False, timeout=60)
    assert [header["ok"] for header in headers_of(done.stdout)] == [True, False]
    assert b"hello" in done.stderr
    assert b"from C" in done.stderr
