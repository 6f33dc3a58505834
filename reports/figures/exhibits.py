"""The kinds of thing a section can show. Frozen values; the templates decide how they look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from reports.text import Value, plural

Cell = Value
NOTHING = Markup()
MAX_ROWS = 60


@dataclass(frozen=True)
class Table:
    """The data behind a figure: a heading for each column, and rows of plain values.

    A row's first cell is its heading. ``note`` says what was left out, if anything was.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    @classmethod
    def of(cls, columns: Sequence[str], rows: Sequence[Sequence[Cell]], limit: int = MAX_ROWS) -> Table:
        """A table of at most about `limit` rows: evenly spaced ones where there are more, and a note."""
        step = max(1, -(-len(rows) // limit))
        kept = tuple(tuple(row) for row in rows[::step])
        note = "" if step == 1 else f"{plural(len(kept), 'row')} of {len(rows):,}, evenly spaced."
        return cls(tuple(columns), kept, note)


@dataclass(frozen=True)
class Exhibit:
    """What all exhibits have: a key that is unique in the report, a title, and the finding in words."""

    key: str
    title: str
    caption: str
    wide: bool = False
    kind: ClassVar[str]


@dataclass(frozen=True)
class Plot(Exhibit):
    """A drawing (inline SVG with title and description) and its data."""

    kind: ClassVar[str] = "plot"
    svg: Markup = NOTHING
    data: Table = Table((), ())


@dataclass(frozen=True)
class Heatmap(Exhibit):
    """A confusion matrix: rows are the true classes, columns the predicted ones.

    ``shades`` holds each cell's share of its row, 0…1; ``colour`` names the library whose colour it takes.
    """

    kind: ClassVar[str] = "heatmap"
    labels: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    shades: tuple[tuple[float, ...], ...] = ()
    colour: str = "keras"


@dataclass(frozen=True)
class Picture:
    """One small image with its true class and what the model says: (class, probability), likeliest first."""

    source: str
    true: str
    answers: tuple[tuple[str, float], ...]

    @property
    def right(self) -> bool:
        """Whether the likeliest class is the true one."""
        return bool(self.answers) and self.answers[0][0] == self.true


@dataclass(frozen=True)
class Gallery(Exhibit):
    """Images with what the model took them for."""

    kind: ClassVar[str] = "gallery"
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Listing(Exhibit):
    """A table that is itself the exhibit.

    ``numeric`` names the columns set flush right, ``code`` those in the typewriter face.
    """

    kind: ClassVar[str] = "listing"
    data: Table = Table((), ())
    numeric: frozenset[int] = frozenset()
    code: frozenset[int] = frozenset()


@dataclass(frozen=True)
class GridCell:
    """One cell of a grid: glyph, word and number, and the tone it is set in."""

    tone: str
    word: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid(Exhibit):
    """A matrix of outcomes, such as runtimes × files."""

    kind: ClassVar[str] = "grid"
    corner: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    """Heading and what stands below it in small type."""
    rows: tuple[tuple[str, str, tuple[GridCell | None, ...]], ...] = ()
    """Heading, small type below it, cells (None: was not tried)."""
    data: Table = Table((), ())


@dataclass(frozen=True)
class Notice(Exhibit):
    """Words where a figure should stand."""

    kind: ClassVar[str] = "notice"


AnyExhibit = Plot | Heatmap | Gallery | Listing | Grid | Notice
