"""Write what a command has drawn, and say where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from tflab.errors import Unusable


def write_pages(wanted: Mapping[Path, str], verdict: str) -> None:
    """Write every page whole, then print the verdict and where each lies.

    Raises:
        Unusable: a page cannot be written; those before it stand.
    """
    from reports.pages import save

    for path, text in wanted.items():
        try:
            save(path, text)
        except OSError as error:
            raise Unusable(f"{path}: cannot write it: {error.strerror}.") from error
    click.echo(verdict)
    for path in wanted:
        click.echo(f"Written: {path}")
