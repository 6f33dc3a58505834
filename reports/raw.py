"""The records themselves, small enough to carry along: long texts and lists cut, their length named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from reports.text import plural
from suites.records import Record, Records

MAX_TEXT = 300
MAX_ITEMS = 12
MAX_BYTES = 400_000


def raw_lines(run: Records, budget: int = MAX_BYTES) -> list[str]:
    """One line of JSON for each record, at most `budget` bytes in all; the last line says what is left out."""
    lines: list[str] = []
    used = 0
    records: list[Record] = [run.header, *run.results, *run.series]
    for record in records:
        line = json.dumps(_trim(msgspec.to_builtins(record)), ensure_ascii=False, separators=(", ", ": "))
        used += len(line.encode("utf-8", "replace")) + 1
        if used > budget:
            lines.append(f"… {plural(len(records) - len(lines), 'more record')}: see the records file.")
            break
        lines.append(line)
    return lines


def _trim(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[: MAX_TEXT // 2]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return dict(_trim_items(value))
    if isinstance(value, list | tuple):
        kept = [_trim(item) for item in value[:MAX_ITEMS]]
        return kept if len(value) <= MAX_ITEMS else [*kept, f"… {len(value) - MAX_ITEMS:,} more"]
    return value


def _trim_items(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        # The values that a record is about are never many; only data of figures are cut in number.
        kept = (
            [_trim(part) for part in item]
            if key in {"expected", "measurements"} and isinstance(item, list)
            else _trim(item)
        )
        yield key, kept
