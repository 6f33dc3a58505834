"""A converter that aborts, refuses, hangs or fills the disk ends one conversion, never the run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference.converter import Converter
from reference.evidence import Conversion

CHILD = """
import json, os, signal, sys, time
for line in sys.stdin:
    request = json.loads(line)
    name = os.path.basename(request["target"])
    if name == "abort":
        print("LLVM ERROR: Failed to infer result type(s).", file=sys.stderr, flush=True)
        os.abort()
    if name == "exit":
        os._exit(3)
    if name == "half":
        os.write(1, b'{"bytes": 1')
        os._exit(0)
    if name == "hang":
        time.sleep(600)
    if name == "refused":
        print(json.dumps({"error": "ValueError: nothing to quantize"}), flush=True)
    elif name == "full":
        print(json.dumps({"error": "OSError: [Errno 28] No space left on device"}), flush=True)
    else:
        print(json.dumps({"bytes": os.getpid(), "seconds": 0.25}), flush=True)
"""


@pytest.fixture
def converter() -> Iterator[Converter]:
    with Converter([sys.executable, "-c", CHILD], timeout=30) as process:
        yield process


def convert(converter: Converter, target: str) -> Conversion:
    return converter.convert(Path("model.keras"), Path(target), "float", Path())


def test_one_child_serves_many_conversions(converter: Converter) -> None:
    first, second = convert(converter, "a.tflite"), convert(converter, "b.tflite")
    assert (first.outcome, first.file, first.source, first.mode) == (
        "converted",
        "a.tflite",
        "model.keras",
        "float",
    )
    assert first.seconds == 0.25
    assert first.bytes == second.bytes  # the child's process number


def test_an_abort_is_a_record_and_the_rest_goes_on(converter: Converter) -> None:
    before, aborted, after = (convert(converter, name) for name in ("a.tflite", "abort", "b.tflite"))
    assert aborted.outcome == "crashed"
    assert aborted.exit_status == -6
    assert aborted.error == "the converter's process was ended by SIGABRT"
    assert aborted.stderr_tail == "LLVM ERROR: Failed to infer result type(s)."
    assert after.outcome == "converted"
    assert after.bytes != before.bytes  # another child


@pytest.mark.parametrize(("name", "status"), [("exit", 3), ("half", 0)])
def test_an_early_end_is_a_crash_even_with_half_an_answer(converter: Converter, name: str, status: int) -> None:
    ended = convert(converter, name)
    assert (ended.outcome, ended.exit_status, ended.bytes) == ("crashed", status, None)


def test_a_refusal_keeps_the_child(converter: Converter) -> None:
    before, refused, after = (convert(converter, name) for name in ("a.tflite", "refused", "b.tflite"))
    assert (refused.outcome, refused.error) == ("refused", "ValueError: nothing to quantize")
    assert before.bytes == after.bytes


def test_a_hang_ends_with_the_time_limit() -> None:
    with Converter([sys.executable, "-c", CHILD], timeout=0.5) as converter:
        hung = convert(converter, "hang")
    assert hung.outcome == "timeout"
    assert hung.error == "no answer within 0.5 seconds"


def test_a_child_that_cannot_start_is_a_crash() -> None:
    with Converter([sys.executable, "-c", "import no_such_module"], timeout=30) as converter:
        failed = convert(converter, "a.tflite")
    assert failed.outcome == "crashed"
    assert "no_such_module" in str(failed.stderr_tail)


def test_a_full_disk_is_not_the_converters_fault(converter: Converter) -> None:
    with pytest.raises(OSError, match="No space left"):
        convert(converter, "full")


def test_closing_leaves_no_process() -> None:
    with Converter([sys.executable, "-c", CHILD], timeout=30) as converter:
        child = convert(converter, "a.tflite").bytes
        assert child is not None
        os.kill(child, 0)
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the child is still there")
