"""What a section is given to work with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fixtures.images import ImageSet
from reference.converter import Converter
from reference.progress import Progress
from reference.settings import Settings


@dataclass(frozen=True)
class Work:
    """One section's place and means.

    What it leaves in `folder` becomes part of the artefacts, what it leaves in `scratch` is thrown away; in
    `finished` it reads what the sections before it have left.
    """

    folder: Path
    scratch: Path
    finished: Path
    settings: Settings
    progress: Progress
    converter: Converter
    given_images: ImageSet | None = None

    @property
    def images(self) -> ImageSet:
        """The image set; only sections that were asked for without one do not have it."""
        assert self.given_images is not None
        return self.given_images
