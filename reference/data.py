"""The data sets that each section learns from, as the evidence names them."""

from __future__ import annotations

from fixtures.digests import digest_arrays
from fixtures.houses import five_houses, many_houses
from fixtures.images import ImageSet
from fixtures.points import points
from reference.evidence import Data
from reference.settings import IMAGE_SECTIONS

EMBEDDED_IMAGES = "made by fixtures.images, seed 0"


def data_of(section: str, images: ImageSet | None, images_source: str) -> list[Data]:
    """The data sets of `section`; `images` is needed for those in `IMAGE_SECTIONS` alone."""
    if section == "linear":
        return [_five(), _many()]
    if section == "tuner":
        return [_many()]
    if section == "logistic":
        return [_points()]
    if section in IMAGE_SECTIONS and images is not None:
        name = f"{images.name} images"
        return [Data(name=name, digest=images.digest, source=images_source, rows=rows_of(images))]
    return []


def rows_of(images: ImageSet) -> dict[str, int]:
    """How many images each split has."""
    return {"train": len(images.x_train), "validation": len(images.x_validation), "test": len(images.x_test)}


def _five() -> Data:
    houses = five_houses()
    digest = digest_arrays(houses.x, houses.y)
    return Data(name="five houses", digest=digest, source="the lab's, seed 42", rows={"train": len(houses.x)})


def _many() -> Data:
    houses = many_houses()
    digest = digest_arrays(houses.x, houses.y)
    return Data(
        name="ten thousand houses", digest=digest, source="the lab's, seed 42", rows={"train": len(houses.x)}
    )


def _points() -> Data:
    two = points()
    digest = digest_arrays(two.x_train, two.y_train, two.x_test, two.y_test)
    rows = {"train": len(two.x_train), "test": len(two.x_test)}
    return Data(name="two-class points", digest=digest, source="scikit-learn's, as the lab draws them", rows=rows)
