"""Known failures are data: check, versions, reason, upstream issue. Strict: one that holds again is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from suites.artefacts import Artefacts
from suites.specification import CHECK

DEFAULT = Path(__file__).parent.parent / "fixtures" / "expected_failures.toml"


class ExpectedFailuresError(ValueError):
    """The list of known failures is unusable, or names what does not exist."""


class ExpectedFailure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known failure. ``tensorflow`` is a version specifier such as ">=2.16,<2.17"."""

    check: str
    tensorflow: str
    reason: str
    upstream: str

    @property
    def sentence(self) -> str:
        """What report and terminal say about it."""
        return f"{self.reason} ({self.upstream})"


@dataclass(frozen=True)
class ExpectedFailures:
    """All known failures, validated."""

    entries: tuple[ExpectedFailure, ...]

    def matching(
        self, check_of: Callable[[Any], str | None], items: list[Any], artefacts: Path | None
    ) -> list[tuple[Any, ExpectedFailure]]:
        """Pair each collected item with the failure expected of it for the TensorFlow that made the artefacts."""
        if artefacts is None or not self.entries:
            return []
        environment = Artefacts(artefacts).evidence_or("manifest").get("environment", {})
        try:
            made_with = Version(str(environment.get("tensorflow")))
        except InvalidVersion:
            return []
        apply = [entry for entry in self.entries if made_with in SpecifierSet(entry.tensorflow)]
        return [(item, entry) for item in items for entry in apply if check_of(item) == entry.check]


def load_expected_failures(path: Path | None = None) -> ExpectedFailures:
    """Read the list; the default is the project's own.

    Raises:
        ExpectedFailuresError: unreadable, an unknown field, a check that no row of the table has, or a bad version.
    """
    path = path or DEFAULT
    try:
        entries = msgspec.convert(tomllib.loads(path.read_text()).get("failure", []), list[ExpectedFailure])
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ExpectedFailuresError(f"{path}: {error}") from error
    for entry in entries:
        if entry.check not in CHECK:
            raise ExpectedFailuresError(f"{path}: {entry.check} matches no check of the table.")
        try:
            SpecifierSet(entry.tensorflow)
        except InvalidSpecifier as error:
            raise ExpectedFailuresError(f"{path}: {entry.check}: {error}") from error
    return ExpectedFailures(tuple(entries))
