"""Files that a renderer must reproduce to the byte. ``python -m tests.reports.golden`` writes them anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reports.junit import junit
from reports.markdown import markdown
from tests.reports import sample

FOLDER = Path(__file__).parent / "golden"
FILES: dict[str, Callable[[], str]] = {
    "reference.junit.xml": lambda: junit([sample.reference()]),
    "troubled.junit.xml": lambda: junit([sample.troubled()]),
    "reference.md": lambda: markdown([sample.reference()]),
    "troubled.md": lambda: markdown([sample.troubled()]),
}

if __name__ == "__main__":
    for name, make in FILES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
