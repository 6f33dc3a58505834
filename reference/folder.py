"""The artefact folder while it is written: a section is in it whole, or not at all.

A section works in a folder of its own, hidden beside the finished files. When all its files are there, the old
evidence goes, the files are renamed into place, and the new evidence, which names their digests, comes last. So
whatever breaks a run off, a later run takes for finished only what it can verify.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from reference import evidence
from reference.errors import ProduceError
from reference.evidence import Envelope, File

_STAGING = ".{}.partial"


class ArtefactFolder:
    """Holds `root` for one run; a context manager. A folder that it made and that stayed empty is removed again.

    Raises:
        ProduceError: `root` is a file, cannot be made, or another run holds it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made = not root.exists()
        self._lock: int | None = None

    def __enter__(self) -> ArtefactFolder:
        if self.root.exists() and not self.root.is_dir():
            raise ProduceError(f"{self.root} is a file: give a folder for the artefacts.")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                self._lock = os.open(self.root, os.O_RDONLY)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ProduceError(f"{self.root} cannot be written ({reason}): give another folder.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._release()
            raise ProduceError(
                f"{self.root} is being written by another run: wait for it, or give another folder."
            ) from error
        for stale in self.root.glob(_STAGING.format("*")):  # of a run that was killed
            shutil.rmtree(stale, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()
        if self._made:
            with contextlib.suppress(OSError):
                self.root.rmdir()  # fails, as it should, unless it is empty

    @contextlib.contextmanager
    def staging(self, section: str) -> Iterator[Path]:
        """An empty folder for a section to work in, on the same file system; gone afterwards, come what may."""
        place = self.root / _STAGING.format(section)
        place.mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def publish(self, section: str, made: Path, content: bytes) -> None:
        """Move everything in `made` to its place and then write the section's evidence."""
        self.evidence_path(section).unlink(missing_ok=True)
        for new in sorted(made.iterdir()):
            old = self.root / new.name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            elif new.is_dir():
                old.unlink(missing_ok=True)
            new.replace(old)
        self.write_evidence(section, content)

    def write_evidence(self, name: str, content: bytes) -> None:
        """Write `evidence/<name>.json` whole or not at all."""
        (self.root / evidence.FOLDER).mkdir(exist_ok=True)
        evidence.write(self.evidence_path(name), content)

    def evidence_path(self, name: str) -> Path:
        """Where a section's evidence stands."""
        return self.root / evidence.FOLDER / f"{name}.json"

    def finished(self, section: str, settings: dict[str, Any], inputs: dict[str, str]) -> Envelope | None:
        """The section's evidence if it was made with these settings from these inputs and nothing has changed."""
        seen = evidence.read(self.evidence_path(section))
        if seen is None or seen.schema != evidence.SCHEMA or not seen.complete:
            return None
        if (seen.section, seen.settings, seen.inputs) != (section, settings, inputs):
            return None
        unchanged = all(_matches(self.root / name, file) for name, file in seen.files.items())
        return seen if unchanged else None

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def digests(folder: Path) -> dict[str, File]:
    """Every file below `folder`, by name with forward slashes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): File(sha256=digest(path), bytes=path.stat().st_size) for path in files
    }


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _matches(path: Path, file: File) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and digest(path) == file.sha256
