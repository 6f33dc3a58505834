"""Collects the records while the checks run and writes them at the end: whole, or not at all."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from suites import records
from suites.artefacts import Artefacts
from suites.records import DataSet, Footer, Header, Record, Result


class Recorder:
    """Collects the records of a run; with a path, writes them there once they are whole."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.written: Path | None = None
        """The records file, once it is whole."""
        self.header: Header | None = None
        self.records: list[Record] = []

    @property
    def results(self) -> list[Result]:
        """The results so far."""
        return [record for record in self.records if isinstance(record, Result)]

    def start(self, header: Header) -> None:
        """Keep the header, and remove what an earlier run left at the path: it would pass for this run's.

        Raises:
            OSError: the records cannot be written there.
        """
        self.header = header
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)

    def add(self, lines: Iterable[str]) -> None:
        """Add encoded results and series."""
        self.records += (msgspec.json.decode(line, type=Record) for line in lines)

    def note_runtimes(self, runtimes: dict[str, str]) -> None:
        """Complete the header with the module and version that answered for each runtime."""
        if self.header is not None:
            self.header = msgspec.structs.replace(self.header, runtimes=runtimes)

    def finish(self) -> list[str]:
        """Write the whole file; returns the cells that were expected and never came.

        Raises:
            OSError: it cannot be written; nothing is left at the path.
        """
        if self.header is None:
            return []
        if self.path is not None:
            records.write(self.path, [self.header, *self.records, Footer(results=len(self.results))])
            self.written = self.path
        return sorted(set(self.header.expected) - {result.cell for result in self.results})


def new_header(*, implementation: str, artefacts: Path, seed: int, command: str, expected: list[str]) -> Header:
    """The header of a run over ``artefacts``: environment and data sets as its evidence names them."""
    manifest = Artefacts(artefacts).evidence_or("manifest")
    environment = {"judged with Python": platform.python_version(), "platform": platform.platform()}
    for package in ("numpy", "pytest", "ai-edge-litert"):
        environment[f"judged with {package}"] = _version(package)
    made = manifest.get("environment", {})
    data = [DataSet(**item) for item in manifest.get("data", []) if set(item) == set(DataSet.__struct_fields__)]
    return Header(
        tflab=_version("tflab"),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        implementation=implementation,
        seed=seed,
        command=command,
        environment={**made, **environment},
        data=data,
        expected=expected,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
