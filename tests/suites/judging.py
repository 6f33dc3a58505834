"""Judge folders one after the other in a process that has imported everything once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suites import records
from suites.records import Records

ROOT = Path(__file__).parent.parent.parent

LOOP = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from suites import plugin
for line in sys.stdin:
    print(plugin.run(json.loads(line)), file=answers, flush=True)
"""


class Judge:
    """`judge(folder)` gives the exit status of the suites and the records."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self.process, self.scratch, self.count = process, scratch, 0

    def __call__(self, folder: Path, *arguments: str) -> tuple[int, Records]:
        self.count += 1
        path = self.scratch / f"{self.count}.jsonl"
        command = ["-p", "no:terminal", "--artefacts", str(folder), "--records", str(path), *arguments]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()), records.read(path)


@contextmanager
def judging(scratch: Path) -> Iterator[Judge]:
    """Start the process, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with process:
        yield Judge(process, scratch)
        assert process.stdin is not None
        process.stdin.close()
