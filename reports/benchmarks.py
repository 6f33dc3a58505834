"""pytest-benchmark's JSON, read into what the report shows of it.

Nothing here looks at one number per benchmark: the rounds themselves are kept. A ratio is that of the medians,
and its range is what the rounds allow at most: the fastest round of one side over the slowest of the other.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec


class BenchmarksError(ValueError):
    """A file that is not pytest-benchmark's JSON; the message says in one sentence why."""


class _Stats(msgspec.Struct):
    median: float
    min: float
    max: float
    rounds: int
    data: list[float] = []
    q1: float | None = None
    q3: float | None = None


class _Entry(msgspec.Struct):
    name: str
    stats: _Stats
    group: str | None = None
    params: dict[str, Any] | None = None
    extra_info: dict[str, Any] = {}


class _File(msgspec.Struct):
    benchmarks: list[_Entry]
    machine_info: dict[str, Any] = {}


@dataclass(frozen=True)
class Bench:
    """One benchmark: its rounds in seconds, in the order of running, and how it is called in its group."""

    label: str
    way: str
    library: str
    section: str
    rounds: tuple[float, ...]
    complete: bool
    """False where the file keeps only a summary; the rounds are then minimum, median and maximum."""
    count: int
    note: str = ""

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.rounds)


@dataclass(frozen=True)
class Ratio:
    """How many times faster than the group's baseline: of medians, and at least and at most."""

    bench: Bench
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The benchmarks that are compared with one another; the first is the baseline."""

    name: str
    benches: tuple[Bench, ...]

    @property
    def baseline(self) -> Bench:
        """What the others are compared with: the lab's way, else Keras, else the first by name."""
        return self.benches[0]

    def ratios(self) -> list[Ratio]:
        """One for each benchmark but the baseline."""
        base = self.baseline.rounds
        return [
            Ratio(
                bench,
                self.baseline.median / bench.median,
                min(base) / max(bench.rounds),
                max(base) / min(bench.rounds),
            )
            for bench in self.benches[1:]
        ]


def load(path: Path) -> dict[str, Any]:
    """The file's JSON object.

    Raises:
        BenchmarksError: it cannot be read or is no JSON object.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise BenchmarksError(f"{path}: cannot read the benchmarks: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise BenchmarksError(f"{path} is not the JSON that pytest --benchmark-json writes: {error}.") from error
    return content


def groups(content: Mapping[str, Any]) -> list[Group]:
    """The groups in the order of their first benchmark; benchmarks without one stand under their own name.

    Raises:
        BenchmarksError: the content is not what pytest-benchmark writes.
    """
    try:
        parsed = msgspec.convert(content, _File)
    except msgspec.ValidationError as error:
        raise BenchmarksError(f"This is not the JSON that pytest --benchmark-json writes: {error}.") from error
    collected: dict[str, list[Bench]] = {}
    for entry in parsed.benchmarks:
        bench = _bench(entry)
        if bench is not None:
            collected.setdefault(entry.group or entry.name, []).append(bench)
    return [Group(name, tuple(sorted(benches, key=_baseline_first))) for name, benches in collected.items()]


def _baseline_first(bench: Bench) -> tuple[bool, bool, str]:
    return (bench.way != "lab", bench.library != "keras", bench.label)


def _bench(entry: _Entry) -> Bench | None:
    stats = entry.stats
    rounds = tuple(stats.data) or (stats.min, stats.median, stats.max)
    if min(rounds) <= 0:
        return None
    extra = {key: str(value) for key, value in entry.extra_info.items() if isinstance(value, str | int | float)}
    way, library = extra.get("way", ""), extra.get("library", "")
    return Bench(
        label=extra.get("label") or _label(entry),
        way=way,
        library=library,
        section=extra.get("section", ""),
        rounds=rounds,
        complete=bool(stats.data),
        count=stats.rounds,
        note=extra.get("note", ""),
    )


def _label(entry: _Entry) -> str:
    """The benchmark's name as words: ``bench_linear_fit[lab]`` reads "linear fit, lab"."""
    stem, _, variant = entry.name.partition("[")
    for prefix in ("test_", "bench_"):
        stem = stem.removeprefix(prefix)
    words = stem.replace("_", " ").strip() or entry.name
    return f"{words}, {variant.removesuffix(']')}" if variant else words
