"""`tflab check`: the suites over one artefact folder, with the outcome as a table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from suites import records
from suites.criteria import number
from suites.records import Outcome, Records, Result
from suites.score import scores, total
from suites.specification import SECTION
from tflab.errors import Unusable

GLYPH: dict[Outcome, tuple[str, str]] = {
    "passed": ("✓", "green"),
    "xfailed": ("≈", "yellow"),
    "failed": ("✗", "red"),
    "missing": ("∅", "red"),
    "xpassed": ("!", "red"),
    "errored": ("!", "magenta"),
    "skipped": ("–", "dim"),
}


@click.command(epilog="\b\nExample:\n  tflab check out/reference --out out/records.jsonl")
@click.argument("artefacts", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the records (JSON lines) here.")
@click.option("--cifar10", type=click.Path(path_type=Path), help="Real CIFAR-10: folder, tarball or Keras cache.")
@click.option("--runtime", multiple=True, metavar="NAME=PYTHON", help="Judge .tflite files on this runtime too.")
@click.option("--inform", multiple=True, metavar="NAME=PYTHON", help="Try .tflite files there too, without points.")
@click.option("--no-evidence", is_flag=True, help="Ignore ARTEFACTS/evidence: the folder is a stranger's.")
@click.option("-k", "keyword", metavar="EXPRESSION", help="Only checks that match, as pytest's -k.")
@click.option("--details", is_flag=True, help="Show every measurement, not only those that missed.")
@click.pass_context
def check_command(
    ctx: click.Context,
    artefacts: Path,
    out: Path | None,
    cifar10: Path | None,
    runtime: tuple[str, ...],
    inform: tuple[str, ...],
    no_evidence: bool,
    keyword: str | None,
    details: bool,
) -> None:
    """Judge the model files in the folder ARTEFACTS.

    Files are read as data: nothing in the folder is imported or run, and TensorFlow is not needed. Exits with 0
    when everything holds, 1 when something failed or is missing, 2 when a check could not be carried out.
    """
    if not artefacts.exists():
        raise Unusable(f"{artefacts} does not exist: give the folder that holds the model files.")
    if not artefacts.is_dir():
        raise Unusable(f"{artefacts} is a file: give the folder that holds it (or try `tflab inspect`).")
    if not any(artefacts.iterdir()):
        raise Unusable(f"{artefacts} is empty: there is nothing to judge.")
    from suites import plugin  # pytest is slow to import, and --help does not need it

    with tempfile.TemporaryDirectory() as folder:
        path = out or Path(folder) / "records.jsonl"
        arguments = ["-p", "no:terminal", "--artefacts", str(artefacts), "--records", str(path)]
        arguments += [f"--runtime={text}" for text in runtime] + [f"--inform={text}" for text in inform]
        arguments += ["--cifar10", str(cifar10)] if cifar10 else []
        arguments += ["--no-evidence"] if no_evidence else []
        arguments += ["-k", keyword] if keyword else []
        status = plugin.run(arguments)
        if status == plugin.INTERRUPTED:
            raise KeyboardInterrupt
        if status not in (plugin.ALL_HOLD, plugin.SOME_FAIL):
            ctx.exit(2)
        try:
            found = records.read(path)
        except records.RecordsError as error:
            raise Unusable(str(error)) from error
    show(found, details=details)
    if out is not None:
        click.echo(f"Records: {out}")
    ctx.exit(exit_code(found))


def exit_code(found: Records) -> int:
    """0 all holds, 1 something judged fails or is missing, 2 a check could not be carried out."""
    outcomes = {result.outcome for result in found.results}
    if outcomes & {"failed", "missing", "xpassed"}:
        return 1
    return 2 if "errored" in outcomes else 0


def show(found: Records, *, details: bool, console: Console | None = None) -> None:
    """Print one row per check, grouped by section, then the points and the sentences of what failed."""
    console = console or Console()
    table = Table(box=None, pad_edge=False, show_header=False)
    section = ""
    for score in scores(found.results):
        if score.section != section:
            section = score.section
            table.add_row("", Text(SECTION[section].title, style="bold"), "")
        glyph, style = GLYPH[score.outcome]
        points = f"{number(score.points)}/{number(score.max_points)}" if score.max_points else ""
        table.add_row(Text(glyph, style=style), f"  {score.check}", Text(points, justify="right"))
    console.print(table)
    for score in scores(found.results):
        for result in score.results:
            _explain(result, console, details=details)
    reached, possible = total(found.results)
    console.print(Text(f"{number(reached)} of {number(possible)} points", style="bold"))


def _explain(result: Result, console: Console, *, details: bool) -> None:
    _, style = GLYPH[result.outcome]
    if result.outcome != "passed":
        console.print(Text.assemble((f"{result.cell} {result.outcome}", style), f": {result.message}"))
    if result.hint:
        console.print(Text(f"  Hint: {result.hint}", style="italic"))
    if details:
        for m in result.measurements:
            measured = number(m.measured)
            console.print(
                Text(f"  {result.cell}  {m.quantity} = {measured}  ({m.criterion}; {m.why})", style="dim")
            )
