"""Whatever a worker does, one failure with a name comes out, in time, and nothing is left behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelfiles import pipes, worker
from modelfiles.errors import ModelFileError, RuntimeFailure
from modelfiles.runtimes import (
    RuntimeProcess,
    RuntimeSpec,
    default_runtimes,
    package_of,
    parse_runtime,
    worker_command,
)

HERE = Path(__file__).parent
KEPT = {path.stem: path.read_bytes() for path in sorted((HERE / "data" / "tflite").glob("*.tflite"))}
ONES = np.ones(3, np.float32)

PREAMBLE = f"""
import io, json, os, signal, struct, sys, time
FRAME = struct.Struct({worker.FRAME.format!r})
def frame(header, payload=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    os.write(1, FRAME.pack(b"TFLW", len(text), len(payload)) + text + payload)
def other_frame(header, payload):
    text = json.dumps(header).encode()
    os.write(1, FRAME.pack(b"HTTP", len(text), len(payload)) + text + payload)
def hello():
    frame(dict(ok=True, protocol=1, module="fake", module_file="f", version="1", import_seconds=0.1, loaded=[],
               python="3", numpy="1", machine="m", parts=[]))
def request():
    _, header, payload = FRAME.unpack(sys.stdin.buffer.read(FRAME.size))
    return sys.stdin.buffer.read(header + payload)
GOOD = dict(ok=True, operators=[], load_seconds=1, first_seconds=1, seconds=[], rows_per_call=1, batching="as is",
            inputs=[], outputs=[], peak_memory=None)
"""


def fake(code: str, *, timeout: float = 20.0, **options: Any) -> RuntimeProcess:
    """A worker that does what `code` says."""
    return RuntimeProcess(RuntimeSpec("fake", (sys.executable, "-c", PREAMBLE + code)), timeout, **options)


def failure_of(process: RuntimeProcess) -> RuntimeFailure:
    with process, pytest.raises(RuntimeFailure) as caught:
        process.run(KEPT["loop"], ONES)
    reason = caught.value.reason
    assert reason.startswith("fake")
    assert reason.endswith(".")
    assert "\n" not in reason
    return caught.value


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


# Ways to end


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "fake: killed by SIGSEGV."),
        ("os.kill(os.getpid(), 40)", "crashed", "fake: killed by signal 40."),
        ("os._exit(3)", "crashed", "fake: ended with exit code 3."),
        ("os.write(2, b'I0000 fine\\nINFO: fine\\nout of luck.\\n \\n'); os._exit(3)", "crashed", "(out of luck)."),
        ("os.write(2, b'\\x1b[31mred\\n'); os._exit(3)", "crashed", "(\N{REPLACEMENT CHARACTER}[31mred)."),
        ("raise MemoryError('no more')", "crashed", "(MemoryError: no more)."),
        (
            "frame(dict(ok=False, kind='refused', reason='bad model.', parts=[]))",
            "refused",
            "fake 1 refused the model: bad model.",
        ),
    ],
)
def test_how_a_worker_ended_is_said(code: str, kind: str, reason: str) -> None:
    failure = failure_of(fake(f"hello(); request(); {code}"))
    assert failure.kind == kind
    assert failure.reason.endswith(reason)


@pytest.mark.parametrize(
    "code",
    [
        "hello(); request(); time.sleep(600)",
        "hello(); time.sleep(600)",  # does not even read: a request larger than the pipe must not block for ever
        "hello(); request(); os.write(1, b'TFLW'); time.sleep(600)",
        "hello(); request()\nwhile True: os.write(1, FRAME.pack(b'TFLW', 2, 100) + b'{}'); time.sleep(600)",
    ],
)
def test_a_worker_that_hangs_is_given_up(code: str) -> None:
    process = fake(code, timeout=2.0)
    with process, pytest.raises(RuntimeFailure) as caught:
        process.run(KEPT["loop"], np.ones((3, 2**20), np.float32))
    assert (caught.value.kind, caught.value.reason) == ("timeout", "fake: gave no answer within 2 s.")


# Answers that are none


def answering(header: str, payload: bytes = b"") -> str:
    return f"hello(); request(); frame({header}, {payload!r})"


def npy_of(shape: str, dtype: str = "<f4", values: bytes = bytes(12)) -> bytes:
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values


GOOD_OUTPUT = npy(ONES)


@pytest.mark.parametrize(
    "code",
    [
        "hello(); request(); os.write(1, b'Segmentation fault? No, this is chatter, long enough.')",
        f"hello(); request(); os.write(1, FRAME.pack(b'TFLW', {pipes.MAX_HEADER + 1}, 0))",
        f"hello(); request(); os.write(1, FRAME.pack(b'TFLW', 2, {2**40}))",
        answering("b'{no json'"),
        answering("b'[1, 2]'"),
        answering("b'\\xff\\xfe'"),
        answering("b'[' * 100000"),
        answering("dict(parts=[])"),
        answering("dict(ok=False, parts=[])"),
        answering("dict(ok=False, kind='fine', reason='', parts=[])"),
        answering("dict(GOOD)"),
        answering("dict(GOOD, parts=[])"),
        answering("dict(GOOD, parts=[1])"),
        answering("dict(GOOD, parts=[-4, 4])"),
        answering("dict(GOOD, parts=['4'])"),
        answering("dict(GOOD, parts=[0.5])", b""),
        answering("dict(GOOD, parts=[4])", b"junk"),
        answering(f"dict(GOOD, parts=[{len(GOOD_OUTPUT)}])", GOOD_OUTPUT + b"more"),
        answering(f"dict(GOOD, parts=[{len(GOOD_OUTPUT)}])", GOOD_OUTPUT).replace("frame(", "other_frame("),
        answering(f"dict(GOOD, seconds='soon', parts=[{len(GOOD_OUTPUT)}])", GOOD_OUTPUT),
        answering(f"dict(GOOD, inputs=[1], parts=[{len(GOOD_OUTPUT)}])", GOOD_OUTPUT),
        *(
            answering(f"dict(GOOD, parts=[{len(data)}])", data)
            for data in (
                npy_of(f"({2**40},)"),  # claims a terabyte
                npy_of("(-1,)"),
                npy_of("(3,)", "|O"),
                npy_of("(3,)", "<U4", bytes(48)),
                npy_of("(4,)"),
                npy_of("__import__('os')"),
                GOOD_OUTPUT[:20],
            )
        ),
    ],
)
def test_an_answer_that_is_none_is_rubbish(code: str) -> None:
    assert failure_of(fake(code)).kind == "rubbish"


def test_the_same_fake_with_a_right_answer_is_believed() -> None:
    """What the cases above stand on: nothing but their own fault keeps them from being an answer."""
    with fake(answering(f"dict(GOOD, parts=[{len(GOOD_OUTPUT)}])", GOOD_OUTPUT)) as process:
        assert process.run(KEPT["loop"], ONES).outputs.tolist() == [1, 1, 1]


def test_an_answer_may_be_as_long_as_allowed_and_no_longer() -> None:
    allowed = 4096 + pipes.MAX_HEADER
    for size, kind, words in ((allowed, "timeout", "gave no answer"), (allowed + 1, "rubbish", "announces")):
        code = f"hello(); request(); os.write(1, FRAME.pack(b'TFLW', 2, {size}) + b'{{}}'); time.sleep(60)"
        failure = failure_of(fake(code, timeout=2.0 if kind == "timeout" else 60.0, max_bytes=4096))
        assert failure.kind == kind
        assert words in failure.reason


# Before the first word


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os._exit(1)", "fake: ended with exit code 1."),
        ("import there_is_no_such_module", "(ModuleNotFoundError: No module named 'there_is_no_such_module')."),
        ("os.kill(os.getpid(), signal.SIGILL)", "fake: killed by SIGILL."),
        ("print('Python 3.11 >>>' * 10)", "fake: answers something that is no frame."),
        ("frame(dict(ok=False, protocol=1, reason='tensorflow: broken', parts=[]))", "fake: tensorflow: broken."),
        ("frame(dict(ok=True, protocol=9, parts=[]))", "fake: speaks another protocol than ours."),
        ("frame(dict(ok=True, protocol=1, parts=[]))", "fake: answers something that is no answer."),
        ("time.sleep(600)", "fake: gave no answer within 3 s."),
    ],
)
def test_a_worker_that_cannot_start_is_unavailable(code: str, reason: str) -> None:
    failure = failure_of(fake(code, start_timeout=3.0 if "sleep" in code else 60.0))
    assert failure.kind == "unavailable"
    assert failure.reason.endswith(reason)


def test_a_missing_program_and_a_missing_package_are_unavailable(tmp_path: Path) -> None:
    nowhere = RuntimeProcess(RuntimeSpec("board", (str(tmp_path / "python"), "worker.py")))
    with pytest.raises(
        RuntimeFailure, match=r"^board: .*python does not start: No such file or directory\.$"
    ) as caught:
        nowhere.run(KEPT["loop"], ONES)
    assert caught.value.kind == "unavailable"


@pytest.mark.parametrize("where", ["import", "first model"])
def test_a_package_for_another_numpy_is_unavailable(tmp_path: Path, where: str) -> None:
    """tflite-runtime 2.14 under NumPy 2 imports well, and raises a SystemError for whatever it is given."""
    broken = tmp_path / "tflite_runtime"
    broken.mkdir()
    problem = "ImportError('numpy.core.multiarray failed to import\\nand more')"
    (broken / "__init__.py").write_text(f"raise {problem}" if where == "import" else "__version__ = '2.14.0'")
    (broken / "interpreter.py").write_text(
        "class OpResolverType:\n  AUTO = 0\n"
        f"class Interpreter:\n  def __init__(self, **_): raise SystemError('exception set') from {problem}"
    )
    text = Path(worker.__file__).read_text()
    text = text.replace("import io\n", f"import io\nsys.path.insert(0, {str(tmp_path)!r})\n", 1)
    spec = RuntimeSpec("old", (sys.executable, "-c", text, "tflite_runtime"))
    with RuntimeProcess(spec) as process, pytest.raises(RuntimeFailure) as caught:
        process.run(KEPT["loop"], ONES)
    assert caught.value.kind == "unavailable"
    start = "old: tflite_runtime" if where == "import" else "old 2.14.0 does not work here"
    assert caught.value.reason == f"{start}: numpy.core.multiarray failed to import."


# What is left behind


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("end", "kind"), [("time.sleep(600)", "timeout"), ("os.abort()", "crashed")])
def test_a_workers_children_end_with_it(tmp_path: Path, end: str, kind: str) -> None:
    note = tmp_path / "pid"
    code = (
        "hello(); request(); pid = os.fork()\n"
        "if pid == 0: os.close(1); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)\n"
        f"open({str(note)!r}, 'w').write(str(pid)); {end}"
    )
    assert failure_of(fake(code, timeout=5.0)).kind == kind
    child = int(note.read_text())
    for _ in range(100):
        if not alive(child):
            break
        time.sleep(0.05)
    assert not alive(child)


def test_an_output_closed_by_a_living_worker_is_rubbish() -> None:
    failure = failure_of(fake("hello(); request(); os.close(1); time.sleep(600)"))
    assert (failure.kind, failure.reason) == ("rubbish", "fake: closed its output without an answer.")


def test_a_worker_ends_with_the_context(litert: RuntimeSpec) -> None:
    with RuntimeProcess(litert) as process:
        process.identity()
        assert process._pipe is not None
        child = process._pipe._process
        assert child.poll() is None
    assert child.poll() == -signal.SIGKILL
    process.close()


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarm on this system")
def test_a_worker_without_a_parent_ends_itself() -> None:
    """The request's time limit is the worker's own, too: nobody is there to kill it."""
    pieces = [KEPT["endless"], npy(ONES)]
    text = json.dumps({"op": "run", "timeout": 1, "parts": [len(piece) for piece in pieces]}).encode()
    frame = worker.FRAME.pack(worker.MAGIC, len(text), sum(map(len, pieces))) + text + b"".join(pieces)
    command = worker_command(sys.executable, "ai_edge_litert")
    done = subprocess.run(command, input=frame, capture_output=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGALRM


def test_a_flood_on_standard_error_does_not_stop_a_worker() -> None:
    flood = "\nfor _ in range(100): os.write(2, b'x' * 2**17)\n"
    code = f"hello(); request(){flood}frame(dict(GOOD, parts=[{len(GOOD_OUTPUT)}]), {GOOD_OUTPUT!r})"
    with fake(code) as process:
        process.run(KEPT["loop"], ONES)
        assert process._pipe is not None
        assert len(process._pipe._tail) <= pipes._TAIL


def test_after_a_failure_the_next_model_gets_a_fresh_process(litert: RuntimeSpec) -> None:
    with RuntimeProcess(litert, timeout=5.0) as process:
        first = process.identity(), process._pipe
        with pytest.raises(RuntimeFailure, match="gave no answer within 5 s"):
            process.run(KEPT["endless"], ONES)
        assert process._pipe is None
        assert process.run(KEPT["loop"], ONES).outputs.tolist() == [32, 32, 32]
        second = process._pipe
        with pytest.raises(RuntimeFailure, match="refused"):
            process.run(KEPT["custom"], ONES)
        assert process._pipe is second is not first[1]


def test_another_pythons_paths_are_not_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with RuntimeProcess(default_runtimes()[0]) as process:
        assert process.identity().module == "ai_edge_litert"


# Models


@pytest.mark.parametrize("name", ["truncated", "damaged"])
def test_broken_files_never_reach_an_interpreter(name: str) -> None:
    content = KEPT["float32"][:5000] if name == "truncated" else b"\x00\x00\x00\x00" + KEPT["float32"][4:]
    process = RuntimeProcess(RuntimeSpec("never", ("/nonexistent/python",)))
    with pytest.raises(ModelFileError, match=name):
        process.run(content, ONES)


def test_what_is_too_large_is_not_sent() -> None:
    process = RuntimeProcess(RuntimeSpec("never", ("/nonexistent/python",)), max_bytes=10_000)
    with pytest.raises(RuntimeFailure, match="model and inputs take more than 10,000 bytes") as caught:
        process.run(KEPT["loop"], np.ones(3000, np.float32))
    assert caught.value.kind == "refused"


EDITS = st.lists(st.tuples(st.integers(0, 3_000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


def test_damaged_models_are_outcomes(process: RuntimeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past our own reading on purpose: whatever the interpreter does then, the caller goes on."""
    inputs = {
        "float32": np.ones((1, 8, 8, 3), np.float32),
        "int8": np.ones((1, 8, 8, 3), np.float32),
        "loop": ONES,
        "own_batch": np.ones((2, 4), np.float32),
    }
    few = settings(
        max_examples=max(10, settings.default.max_examples // 20),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    seen = set()

    @few
    @given(st.sampled_from(sorted(inputs)), EDITS)
    def survive(name: str, edits: list[tuple[int, bytes]]) -> None:
        content = bytearray(KEPT[name])
        for position, word in edits:
            at = 8 + position % (len(content) - 12)
            content[at : at + len(word)] = word
        try:
            process.run(bytes(content), inputs[name], check=False)
        except RuntimeFailure as failure:
            seen.add(failure.kind)

    monkeypatch.setattr(process, "timeout", 10.0)
    survive()
    assert "refused" in seen
    assert seen <= {"refused", "crashed", "timeout"}
    assert process.run(KEPT["loop"], ONES).outputs.tolist() == [32, 32, 32]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit needs /proc")
def test_a_model_that_wants_all_memory_is_an_outcome(
    process: RuntimeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row of this file of 1,640 bytes takes 1 GiB."""
    assert len(KEPT["greedy"]) < 2_000
    monkeypatch.setattr(process, "memory", 2**28)
    with pytest.raises(RuntimeFailure) as caught:
        process.run(KEPT["greedy"], ONES)
    assert caught.value.kind in ("refused", "crashed")


# Names of runtimes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("python3", "is no runtime: give NAME=PYTHON"),
        ("=python3", "is no runtime"),
        ("name=", "is no runtime"),
        ("a b=python3", "'a b' is no name for a runtime"),
        ("-x=python3", "is no name for a runtime"),
        (f"{'x' * 65}=python3", "is no name for a runtime"),
        ("board=no-such-python", "board: no-such-python is no program"),
        ("board=/no/such/python", "board: /no/such/python is no program"),
        ("pi=ssh:pi@board", "pi: runtimes over ssh are not supported"),
    ],
)
def test_a_wrong_runtime_is_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_runtime(text)
    assert str(caught.value).endswith(".")


def test_a_runtime_that_is_not_required_may_be_absent_until_it_is_asked() -> None:
    with RuntimeProcess(parse_runtime("board=/no/such/python", required=False)) as process:
        with pytest.raises(RuntimeFailure, match="/no/such/python does not start") as caught:
            process.run(KEPT["greedy"], ONES)
        assert caught.value.kind == "unavailable"
    with pytest.raises(ValueError, match="is no name"):
        parse_runtime("a b=/no/such/python", required=False)


def test_a_folder_is_no_python(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no program"):
        parse_runtime(f"board={tmp_path}")


def test_a_name_asks_for_its_interpreter() -> None:
    assert package_of("tf.lite") == "tensorflow"
    assert package_of("tflite-runtime-2.14") == "tflite_runtime"
    assert package_of("ai-edge-litert") == "ai_edge_litert"
    assert package_of("litert_old") == "ai_edge_litert"
    assert package_of("pi") is package_of("tensorflowish") is None
    assert parse_runtime(f"pi={sys.executable}").command == worker_command(sys.executable)
    assert parse_runtime(f"tf.lite={sys.executable}").command[-1] == "tensorflow"


def test_a_virtual_environments_link_is_kept(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert parse_runtime(f"venv={link}").command[0] == str(link)
