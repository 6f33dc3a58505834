"""The reference's folder, made once and kept between runs, and a process that judges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suites.judging import Judge, judging


@pytest.fixture(scope="session")
def reference_folder(pytestconfig: pytest.Config) -> Path:
    """The whole reference on embedded data; sections that are whole already are not made again."""
    from reference.produce import produce

    assert pytestconfig.cache is not None
    folder = Path(pytestconfig.cache.mkdir("reference")) / "artefacts"
    produce(folder)
    return folder


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """A process that judges one folder after the other."""
    with judging(tmp_path_factory.mktemp("records")) as found:
        yield found
