"""The command line: `tflab COMMAND`. Each command is imported only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

COMMANDS = {
    "reference": "Produce the answer key: every section of the lab, as an artefact folder.",
    "check": "Judge an artefact folder and say what holds and what does not.",
    "report": "Draw the conformance report (HTML) from records.",
    "calibrate": "Measure the distributions behind the calibrated limits (for maintainers; takes long).",
    "matrix": "Draw the TensorFlow matrix from the records of all legs.",
    "inspect": "Say what a model file is, without TensorFlow and without running it.",
}
"""Name to one-line help; the command `name` lives in `tflab/<name>_command.py` as `<name>_command`."""

EXAMPLES = """\b
First five minutes:
  tflab reference --out out/reference
  tflab check out/reference --out out/records.jsonl
  tflab report out/records.jsonl --out out/report.html
  tflab inspect out/reference/cifar10_cnn_model_quantized.tflite

\b
Exit codes: 0 all holds, 1 something judged fails, 2 unusable input or usage,
3 inconclusive, 130 interrupted."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help, and imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order in which one needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"tflab.{cmd_name}_command")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tflab")
def tflab() -> None:
    """Conformance and benchmark suite for a lab on TensorFlow and scikit-learn.

    The reference produces an artefact folder, the checks judge it (or anybody's), and the report shows what
    was measured against which criterion, and why that one.
    """


def main() -> NoReturn:
    """Run a command; an interrupt ends with 130 and one sentence."""
    try:
        status = tflab.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: nothing half-written was left behind.", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)
