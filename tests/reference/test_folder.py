"""A section is in the artefact folder whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference import evidence
from reference.errors import ProduceError
from reference.evidence import Envelope, Line
from reference.folder import ArtefactFolder, digests

SETTINGS = {"seed": 42}
INPUTS = {"earlier.keras": "ab"}


def publish(folder: ArtefactFolder, *, complete: bool = True, content: bytes = b"weights") -> None:
    with folder.staging("linear") as staging:
        made = staging / "files"
        (made / "saved" / "variables").mkdir(parents=True)
        (made / "model.keras").write_bytes(content)
        (made / "saved" / "variables" / "0").write_bytes(content)
        envelope = Envelope(
            section="linear",
            complete=complete,
            settings=SETTINGS,
            inputs=INPUTS,
            data=[],
            files=digests(made),
            environment={},
            seconds=0.0,
            peak_memory_bytes=0,
        )
        folder.publish("linear", made, evidence.encode(envelope, Line(0.1, 0.2)))


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


WHOLE = {"model.keras", "saved/variables/0", "evidence/linear.json"}


def test_a_published_section_is_finished(tmp_path: Path) -> None:
    with ArtefactFolder(tmp_path / "out") as folder:
        assert folder.finished("linear", SETTINGS, INPUTS) is None
        publish(folder)
        assert folder.finished("linear", SETTINGS, INPUTS) is not None
        assert names(folder.root) == WHOLE


def test_it_is_not_under_other_settings_or_inputs_or_when_incomplete(tmp_path: Path) -> None:
    with ArtefactFolder(tmp_path) as folder:
        publish(folder)
        assert folder.finished("linear", {"seed": 43}, INPUTS) is None
        assert folder.finished("linear", SETTINGS, {"earlier.keras": "cd"}) is None
        assert folder.finished("tuner", SETTINGS, INPUTS) is None
        publish(folder, complete=False)
        assert folder.finished("linear", SETTINGS, INPUTS) is None


@pytest.mark.parametrize("name", ["model.keras", "saved/variables/0"])
@pytest.mark.parametrize("damage", ["remove", "truncate", "flip"])
def test_nor_when_a_file_was_lost_or_changed(tmp_path: Path, name: str, damage: str) -> None:
    with ArtefactFolder(tmp_path) as folder:
        publish(folder)
        path = tmp_path / name
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes({"truncate": b"weight", "flip": b"weighty"[:6] + b"S"}[damage])
        assert folder.finished("linear", SETTINGS, INPUTS) is None


def test_publishing_again_replaces_folders_and_files_of_either_kind(tmp_path: Path) -> None:
    (tmp_path / "model.keras").mkdir()  # a folder where a file belongs, and the other way round
    (tmp_path / "model.keras" / "old").write_bytes(b"old")
    (tmp_path / "saved").write_bytes(b"old")
    with ArtefactFolder(tmp_path) as folder:
        publish(folder)
        publish(folder, content=b"newer")
        (tmp_path / "saved" / "variables" / "stale").write_bytes(b"stale")
        publish(folder, content=b"newest")
    assert names(tmp_path) == WHOLE
    assert (tmp_path / "saved" / "variables" / "0").read_bytes() == b"newest"


def test_evidence_goes_first_and_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off between two files, a section has no evidence, neither the old, which no longer fits, nor new."""
    with ArtefactFolder(tmp_path) as folder:
        publish(folder)
        replace = Path.replace

        def broken_off(self: Path, target: Path) -> Path:
            if target.name == "saved":
                raise KeyboardInterrupt
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", broken_off)
        with pytest.raises(KeyboardInterrupt):
            publish(folder, content=b"newer")
    assert "evidence/linear.json" not in names(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_what_a_killed_run_left_is_swept_away(tmp_path: Path) -> None:
    stale = tmp_path / ".cnn.partial" / "files"
    stale.mkdir(parents=True)
    (stale / "cifar10_cnn_model.keras").write_bytes(b"half")
    with ArtefactFolder(tmp_path):
        assert not list(tmp_path.iterdir())


def test_only_a_folder_that_was_made_and_stayed_empty_is_removed(tmp_path: Path) -> None:
    with ArtefactFolder(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
    with ArtefactFolder(tmp_path / "used") as folder:
        publish(folder)
    (tmp_path / "old").mkdir()
    with ArtefactFolder(tmp_path / "old"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"used", "old"}


def test_two_runs_cannot_write_one_folder(tmp_path: Path) -> None:
    with ArtefactFolder(tmp_path), pytest.raises(ProduceError, match="another run"), ArtefactFolder(tmp_path):
        pass
    with ArtefactFolder(tmp_path):  # and the lock ends with the run
        pass


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ProduceError, match="is a file"), ArtefactFolder(tmp_path / "out"):
        pass
    with pytest.raises(ProduceError, match="cannot be written"), ArtefactFolder(tmp_path / "out" / "below"):
        pass
