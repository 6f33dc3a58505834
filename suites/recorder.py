"""Writes the records while the checks run: complete and renamed into place at the end, or not at all."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

import msgspec

from suites import records
from suites.artefacts import Artefacts
from suites.records import DataSet, Footer, Header, Record, Result


class Recorder:
    """Collects records and, when it has a path, streams them into ``<path>.partial`` until they are whole."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.written: Path | None = None
        """The records file, once it is whole."""
        self.header: Header | None = None
        self.records: list[Record] = []
        self._file: IO[bytes] | None = None

    @property
    def results(self) -> list[Result]:
        """The results so far."""
        return [record for record in self.records if isinstance(record, Result)]

    def start(self, header: Header) -> None:
        """Write the header.

        Raises:
            OSError: the records file cannot be written.
        """
        self.header = header
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("wb")
        self._write(header)

    def add(self, lines: Iterable[str]) -> None:
        """Add encoded results and series; a later result of the same cell replaces none, it is an error."""
        for line in lines:
            record: Record = msgspec.json.decode(line, type=Record)
            self.records.append(record)
            self._write(record)

    def note_runtimes(self, runtimes: dict[str, str]) -> None:
        """Complete the header with the module and version that answered for each runtime."""
        if self.header is not None:
            self.header = msgspec.structs.replace(self.header, runtimes=runtimes)

    def finish(self) -> list[str]:
        """Write the footer and put the file in its place; returns the cells that were expected and never came."""
        if self.header is None:
            return []
        self.abandon()
        if self.path is not None:
            whole = [self.header, *self.records, Footer(results=len(self.results))]
            records.write(self.path, whole)
            self.written = self.path
        return sorted(set(self.header.expected) - {result.cell for result in self.results})

    def abandon(self) -> None:
        """Remove the partial file."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._partial.unlink(missing_ok=True)

    @property
    def _partial(self) -> Path:
        assert self.path is not None
        return self.path.with_name(self.path.name + ".running")

    def _write(self, record: Record) -> None:
        if self._file is not None:
            self._file.write(records.encode(record))
            self._file.flush()


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
