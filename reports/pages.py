"""What all pages share: their templates, their style, and how they are written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.text import visible

TEMPLATES: Final = Path(__file__).parent / "templates"
MAX_BYTES: Final = 2_000_000


class ReportError(ValueError):
    """The records hold more than a page can show within its size; the message says what to do."""


def templates() -> Environment:
    """The templates, with every value escaped and made visible; `style` is the style sheet."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    jinja.filters["breakable"] = _breakable
    sheets = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "matrix.css"))
    jinja.globals["style"] = Markup("".join(sheets))  # noqa: S704 - ours
    return jinja


def save(path: Path, text: str) -> None:
    """Write a file in one go: a reader sees all of it or nothing.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _breakable(text: str) -> Markup:
    """A name that may be broken where its words end: after an underscore, a slash or a bracket."""
    return Markup(re.sub(r"([_/\]])", r"\1<wbr>", str(escape(visible(text)))))  # noqa: S704 - escaped


def _seen(value: Any) -> Any:
    """Every text that reaches a page passes here: nothing invisible gets through, and None is nothing."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value
