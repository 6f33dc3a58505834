"""Keras's download is asked for the published archive with its hash, and its failure is one sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from fixtures.errors import DataSetError
from reference.cifar10_download import SHA256, URL, download_cifar10


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """A TensorFlow whose `get_file` only writes down what it is asked."""
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    tensorflow = ModuleType("tensorflow")
    get_file = SimpleNamespace(get_file=lambda *names, **options: asked.append((names, options)))
    monkeypatch.setattr(tensorflow, "keras", SimpleNamespace(utils=get_file), raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setattr("reference.environment.prepare", lambda: None)
    return asked


def test_the_published_archive_is_checked_and_not_unpacked(requests: list[Any], tmp_path: Path) -> None:
    download_cifar10(tmp_path / "cifar.tar.gz")
    ((names, options),) = requests
    assert names == ("cifar.tar.gz", URL)
    assert options == {"file_hash": SHA256, "cache_dir": str(tmp_path), "cache_subdir": ""}


def test_without_network_the_sentence_says_what_to_do(requests: list[Any], tmp_path: Path) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise Exception("URL fetch failure: unreachable")

    sys.modules["tensorflow"].keras.utils.get_file = unreachable
    with pytest.raises(DataSetError, match=r"cannot be downloaded \(URL .*unreachable\): .*--cifar10"):
        download_cifar10(tmp_path / "cifar.tar.gz")
