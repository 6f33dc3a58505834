"""The one error of the command line: unusable input, in one sentence, exit code 2."""

from __future__ import annotations

import click


class Unusable(click.ClickException):
    """What was asked for cannot be done: the message says why and what to do. No usage text is shown."""

    exit_code = 2
