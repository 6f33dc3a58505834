"""How far a leg of the TensorFlow matrix came: a note beside its records, so that a leg that broke off is no hole.

tox writes it (`toxfile.py`) and `tflab matrix` reads it. Standard library only: tox's own Python imports it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

State = Literal["installing", "running", "ended", "skipped", "not installed"]
"""`skipped`: its Python is not here. The first two stay where nobody was left to write the end."""

RECORDS, NOTE = ".jsonl", ".run.json"
"""What is added to a leg's name: its records, its note."""


class LegRunError(ValueError):
    """A note that cannot be trusted; the message says in one sentence what is wrong with it."""


@dataclass(frozen=True)
class LegRun:
    """One run of one leg.

    `started` is ISO 8601 with a time zone; `seconds` are what its command took, without installing.
    """

    leg: str
    state: State
    started: str
    seconds: float | None = None
    reason: str = ""
    """Why it did not come to its end, in one sentence; empty where it did."""


def begin(folder: Path, run: LegRun) -> None:
    """Note that a leg begins; whatever an earlier run has left of records is out of date and goes."""
    (folder / f"{run.leg}{RECORDS}").unlink(missing_ok=True)
    write(folder, run)


def write(folder: Path, run: LegRun) -> None:
    """Write the note in one go: a reader sees all of it or what was there before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.leg}{NOTE}"
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(asdict(run), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def read(folder: Path, leg: str) -> LegRun | None:
    """The note of a leg's last run, or None where it never ran.

    Raises:
        LegRunError: it is no such note, or another leg's.
    """
    path = folder / f"{leg}{NOTE}"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LegRunError(f"{path}: cannot read the note of the run: {error}.") from error
    if not isinstance(found, dict) or found.get("leg") != leg or found.get("state") not in get_args(State):
        raise LegRunError(f"{path}: this is no note of a run of {leg}.")
    seconds = found.get("seconds")
    return LegRun(
        leg=leg,
        state=found["state"],
        started=str(found.get("started", "")),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        reason=str(found.get("reason", "")),
    )
