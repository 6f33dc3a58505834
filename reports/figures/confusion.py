"""Confusion matrices as tables that are shaded like heat maps."""

from __future__ import annotations

from collections.abc import Sequence

from reports.figures.exhibits import Heatmap
from reports.figures.series import SeriesError
from reports.text import listing, percent, visible


def heatmap(key: str, title: str, labels: Sequence[str], counts: Sequence[Sequence[int]], colour: str) -> Heatmap:
    """The matrix `counts` (rows true, columns predicted) with a caption that names accuracy and worst pairs."""
    size = len(labels)
    if not size or len(counts) != size or any(len(row) != size or min(row) < 0 for row in counts):
        raise SeriesError(f"series {key}: a confusion matrix needs one row and one column of counts for each label")
    words = tuple(visible(label) for label in labels)
    total = sum(map(sum, counts))
    right = sum(counts[place][place] for place in range(size))
    shades = tuple(tuple(count / max(sum(row), 1) for count in row) for row in counts)
    share = f"{right:,} of {total:,} right ({percent(right / total)})" if total else "no examples"
    return Heatmap(
        key=key,
        title=title,
        caption=f"{share}{_worst(words, counts)}.",
        wide=size > 4,
        labels=words,
        counts=tuple(map(tuple, counts)),
        shades=shades,
        colour=colour,
    )


def _worst(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The most frequent confusions, said in words; nothing where there is none."""
    pairs = [
        (count, true, predicted)
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    if not pairs:
        return ""
    said = listing(
        [f"{labels[true]} taken for {labels[predicted]} ({count:,})" for count, true, predicted in pairs[:3]]
    )
    return f"; most often {said}"
