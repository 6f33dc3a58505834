"""`tflab report`: records in, the conformance report out; on request also JUnit and a Markdown summary."""

from __future__ import annotations

from pathlib import Path

import click

from tflab.errors import Unusable
from tflab.pages import write_pages

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="\b\nExample:\n  tflab report out/records.jsonl --benchmarks out/benchmarks.json --out out/report.html"
)
@click.argument("records", nargs=-1, required=True, type=FILE)
@click.option("--out", required=True, type=FILE, metavar="FILE.html", help="Write the report here.")
@click.option("--benchmarks", type=FILE, metavar="FILE.json", help="What pytest --benchmark-json wrote.")
@click.option(
    "--matrix",
    "matrix",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Show the TensorFlow matrix of DIR too.",
)
@click.option("--junit", "junit_file", type=FILE, metavar="FILE.xml", help="Write the outcomes as JUnit XML too.")
@click.option("--markdown", "markdown_file", type=FILE, metavar="FILE.md", help="Write a summary in Markdown too.")
def report_command(
    records: tuple[Path, ...],
    out: Path,
    benchmarks: Path | None,
    matrix: Path | None,
    junit_file: Path | None,
    markdown_file: Path | None,
) -> None:
    """Draw the conformance report of the RECORDS files (JSON lines) as one self-contained HTML file.

    Several files stand side by side in one report. Exits with 0 when everything asked for was written, whatever
    the verdict; `tflab check` is the command that judges.
    """
    # Imported here: drawing needs NumPy and matplotlib, and --help does not.
    from reports import benchmarks as timings
    from reports.conformance import render
    from reports.junit import junit
    from reports.markdown import markdown
    from reports.pages import ReportError
    from reports.verdict import judge
    from suites.records import RecordsError, read
    from tflab.matrix_command import read_legs

    try:
        runs = [read(path) for path in records]
        legs = read_legs([matrix]) if matrix else []
        html = render(runs, timings.load(benchmarks) if benchmarks else None, legs)
    except (RecordsError, timings.BenchmarksError, ReportError) as error:
        raise Unusable(str(error)) from error
    wanted = {out: html}
    if junit_file:
        wanted[junit_file] = junit(runs)
    if markdown_file:
        wanted[markdown_file] = markdown(runs)
    verdict = judge(runs)
    write_pages(wanted, f"{verdict.word}: {verdict.text}")
