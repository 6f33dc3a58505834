"""Renews the locks: `tox run -e lock`, or `tox run -e lock -- main py311-tf217` for some of them.

A lock holds names, versions and hashes and nothing else. `NAME.in` becomes `NAME.txt` wherever there is a
`NAME.txt`, for every platform; a leg of the TensorFlow matrix becomes `legs/NAME.txt`, for Linux on x86-64, where
the matrix runs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fixtures.legs import legs

HERE = Path(__file__).parent
COMPILE = (
    *("uv", "pip", "compile", "--quiet", "--upgrade", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
)
OLDEST_PYTHON = "3.11"
LINUX = ("--python-platform", "x86_64-manylinux_2_28")
LAB = "lab.in"


@dataclass(frozen=True)
class Lock:
    """A lock and what it is compiled from. `constraints` go in on standard input."""

    name: str
    target: str
    options: tuple[str, ...]
    constraints: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """How uv compiles it, inside `requirements/`."""
        return [*COMPILE, *self.options, "--output-file", self.target]


def locks() -> dict[str, Lock]:
    """Every lock by name: those of requirements files, then the legs'."""
    everywhere = ("--universal", "--python-version", OLDEST_PYTHON)
    files = (file for file in sorted(HERE.glob("*.in")) if file.with_suffix(".txt").exists())
    universal = [Lock(file.stem, f"{file.stem}.txt", (*everywhere, file.name)) for file in files]
    matrix = [
        Lock(leg.name, leg.lock, (*LINUX, "--python-version", leg.python, LAB, "-"), leg.requirements)
        for leg in legs().values()
        if not leg.today
    ]
    return {lock.name: lock for lock in (*universal, *matrix)}


def main(names: Iterable[str]) -> int:
    """Renew the named locks, or all; gives the exit code."""
    known = locks()
    wanted = list(names) or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.stderr.write(f"no lock is called {', '.join(unknown)}: choose from {', '.join(known)}.\n")
        return 2
    (HERE / "legs").mkdir(exist_ok=True)
    failed = [name for name in wanted if not renew(known[name])]
    if failed:
        sys.stderr.write(f"not renewed: {', '.join(failed)}; the reason stands above.\n")
    return 1 if failed else 0


def renew(lock: Lock) -> bool:
    """Compile one lock; where that fails, the old one stays."""
    sys.stdout.write(f"{lock.name} -> requirements/{lock.target}\n")
    sys.stdout.flush()
    given = "\n".join(lock.constraints).encode()
    return subprocess.run(lock.command, input=given, cwd=HERE, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
