"""Keep a run of the benchmarks: `python -m suites.benchmarks.results out/benchmarks.json --out benchmarks/results`.

Writes two files named after date, form and TensorFlow version: JSON that `tflab report --benchmarks` reads like
pytest-benchmark's own, and a summary in Markdown. What names a machine or a place on it is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

FEW = 100
"""Rounds that are kept one by one; of more, the percentiles are."""
MACHINE = ("python_version", "system", "machine")
STATISTICS = ("median", "min", "max", "mean", "stddev", "rounds")


class ResultsError(click.ClickException):
    """The file is no run of the benchmarks; the message says in one sentence what to do."""

    exit_code = 2


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the two files."
)
def main(run: Path, out: Path) -> None:
    """Keep RUN, a file that pytest --benchmark-json wrote, without what names the machine."""
    try:
        content = json.loads(run.read_bytes())
        kept = strip(content)
    except OSError as error:
        raise ResultsError(f"{run} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(
            f"{run} is no run of the benchmarks: give what pytest --benchmark-json wrote."
        ) from error
    out.mkdir(parents=True, exist_ok=True)
    stem = out / name_of(kept)
    stem.with_name(f"{stem.name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    stem.with_name(f"{stem.name}.md").write_text(summary(kept))
    click.echo(f"{stem}.json and {stem}.md")


def strip(content: Mapping[str, Any]) -> dict[str, Any]:
    """What lasts of pytest-benchmark's JSON.

    Raises:
        KeyError: it was not written by these benchmarks.
    """
    machine, commit = content["machine_info"], content.get("commit_info") or {}
    return {
        "datetime": content["datetime"],
        "version": content["version"],
        "machine_info": {
            **{key: machine[key] for key in MACHINE},
            "processor": machine.get("cpu", {}).get("brand_raw", "unknown"),
            "tflab": machine["tflab"],
        },
        "commit_info": {key: commit[key] for key in ("id", "dirty") if key in commit},
        "benchmarks": [
            {
                "group": bench["group"],
                "name": bench["name"],
                "stats": statistics_of(bench["stats"]),
                "extra_info": {key: rounded(value) for key, value in bench["extra_info"].items()},
            }
            for bench in content["benchmarks"]
        ],
    }


def statistics_of(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The figures, and every round; where there are many, the 0th to 100th percentile instead."""
    kept = {key: rounded(stats[key]) for key in STATISTICS}
    if len(stats["data"]) <= FEW:
        return {**kept, "data": rounded(stats["data"])}
    return {**kept, "percentiles": rounded(np.percentile(stats["data"], range(101)).tolist())}


def rounded(value: Any) -> Any:
    """Numbers to five significant digits: no clock says more."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return value


def name_of(kept: Mapping[str, Any]) -> str:
    """Date, form and TensorFlow version; two runs of a day differ in the time."""
    ours = kept["machine_info"]["tflab"]
    moment = kept["datetime"][:16].replace(":", "").replace("T", "-")
    return f"{moment}-{ours['form']}-tensorflow-{tensorflow(ours)}"


def tensorflow(ours: Mapping[str, Any]) -> str:
    """The version, from whichever package brought it."""
    packages = ours["packages"]
    return str(packages.get("tensorflow") or packages.get("tensorflow-cpu") or "none")


def summary(kept: Mapping[str, Any]) -> str:
    """The run as a page of Markdown."""
    machine = kept["machine_info"]
    ours = machine["tflab"]
    packages = ", ".join(f"{name} {version}" for name, version in ours["packages"].items())
    lines = [
        f"# Benchmarks, {kept['datetime'][:10]}, {ours['form']} form",
        "",
        f"{machine['processor']}; {ours['cores']} cores, of which {ours['threads']} used; load average "
        f"{ours['load_average']['start']:g} at the start, {ours['load_average']['end']:g} at the end.",
        f"{machine['system']} {machine['machine']}, Python {machine['python_version']}, {packages}.",
        "",
        *comparisons(kept["benchmarks"]),
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for bench in kept["benchmarks"]:
        groups.setdefault(bench["group"], []).append(bench)
    for group, benches in groups.items():
        lines += ["", f"## {group[:1].upper()}{group[1:]}", "", *table(benches)]
    return "\n".join(lines) + "\n"


def comparisons(benches: list[dict[str, Any]]) -> Iterator[str]:
    """The lab's way beside ours, a row for each training; no line where nothing was compared."""
    ours = [bench["extra_info"] for bench in benches if bench["extra_info"].get("way") == "ours"]
    if not ours:
        return
    yield "| Training | Lab's way | Reference | Times as fast | of processor time | Target | Result |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for info in ours:
        ratio = info["ratio"]
        yield row(
            info["what"],
            duration(ratio["lab_median"]),
            duration(ratio["ours_median"]),
            f"{ratio['ratio']:.2f}",
            f"{ratio['cpu_ratio']:.2f}",
            f"{ratio['target']:g}" if ratio["target"] else "–",
            info["note"],
        )


def table(benches: list[dict[str, Any]]) -> Iterator[str]:
    """One group's benchmarks."""
    yield "| | Median | Fastest | Slowest | Rounds | Bytes |"
    yield "|---|--:|--:|--:|--:|--:|"
    for bench in benches:
        stats, info = bench["stats"], bench["extra_info"]
        size = f"{info['bytes']:,}" if info.get("bytes") else "–"
        times = (duration(stats[key]) for key in ("median", "min", "max"))
        yield row(info.get("label", bench["name"]), *times, str(stats["rounds"]), size)


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def duration(seconds: float) -> str:
    """Three significant digits, in the unit that fits."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


if __name__ == "__main__":
    main()
