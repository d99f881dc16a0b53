"""What a command line names, in real folders: links, other spellings, closed doors, results among slides."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsi_refocus.archive.inputs import find_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of two slides, and of much that is none."""
    for name in (
        "b.svs",
        "a.ndpi",
        "m.mrxs",
        "m/Data0001.dat",
        "m/preview.tif",
        "notes.txt",
        "case.refocused.ome.tiff",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for name in ("s.ome.zarr/zarr.json", "plain/.zgroup", "done/run.json", "done/checksums.json", "done/x.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "open.ome.zarr" / ".wsi-refocus").mkdir(parents=True)
    (tmp_path / "book" / "slides").mkdir(parents=True)
    (tmp_path / "book" / "ledger.json").write_text("{}")
    return tmp_path


def test_slides_are_found_and_results_are_not(folder: Path) -> None:
    found = find_files([str(folder)])
    assert [Path(each).name for each in found.files] == ["a.ndpi", "b.svs", "m.mrxs", "plain", "s.ome.zarr"]
    assert set(found.files.values()) == {str(folder)}
    assert found.notes() == ["notes.txt is no slide"]
    assert not found.refused


def test_another_spelling_is_no_other_slide(folder: Path) -> None:
    (folder / "link").symlink_to(folder, target_is_directory=True)
    names = [folder / "b.svs", f"{folder}/./b.svs", folder / "m" / ".." / "b.svs", folder / "link" / "b.svs", folder]
    found = find_files([str(name) for name in names])
    assert [Path(each).name for each in found.files] == ["b.svs", "a.ndpi", "m.mrxs", "plain", "s.ome.zarr"]


def test_globs_search_folders_and_pass_over_other_files(folder: Path) -> None:
    found = find_files([str(folder / "**" / "*.*")], exclude=["*.ndpi"])
    assert sorted(Path(each).name for each in found.files if "/m/" not in each and "/done/" not in each) == [
        "b.svs",
        "m.mrxs",
        "s.ome.zarr",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.svs", "no such file"),
        ("*.gone", "no such file"),
        ("dangling.svs", "link"),
        ("round.svs", "cannot be looked at"),
        ("done", "output"),
        ("book", "ledger"),
        ("b.svs/inside.svs", "no such file"),
        ("nul\0.svs", "no such file"),
    ],
)
def test_what_cannot_be_used_is_named(folder: Path, name: str, said: str) -> None:
    (folder / "dangling.svs").symlink_to("nowhere")
    (folder / "round.svs").symlink_to("round.svs")
    found = find_files([str(folder / name)])
    assert not found.files
    assert [each.names for each in found.refused] == [(str(folder / name),)]
    assert said in found.refused[0].reason


@pytest.fixture
def stranger() -> Iterator[Path]:
    """Folder for whom it is closed to, as a user without rights to it."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "closed" / "deep").mkdir(parents=True)
        (Path(name) / "slide.svs").write_bytes(b"")
        Path(name).chmod(0o755)
        (Path(name) / "closed").chmod(0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        yield Path(name)
        os.seteuid(before)
        (Path(name) / "closed").chmod(0o755)


def test_a_closed_folder_is_told_and_the_rest_found(stranger: Path) -> None:
    found = find_files([str(stranger), str(stranger / "closed" / "deep")])
    assert [Path(each).name for each in found.files] == ["slide.svs"]
    assert [Path(each.names[0]).name for each in found.refused] == ["closed", "deep"]
    assert "Permission denied" in found.refused[0].reason
