"""From what is named to slides and pairs; nothing is guessed, and nothing skipped without a word."""

from pathlib import Path

import pytest

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.archive.collect import collect
from wsi_refocus.archive.pattern import NamePattern
from wsi_refocus.archive.sizes import largest_first, part_of
from wsi_refocus.errors import UsageError

SAMPLES = Path("sample_slides")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a two-plane slide, a pair of files, and files that are none."""
    root = tmp_path_factory.mktemp("archive")
    first, second = two_planes(tissue((600, 700), seed=2))
    (root / "deep").mkdir()
    write_ome_tiff(root / "deep" / "one.ome.tiff", [first, second], z_um=[-0.75, 0.75], mpp=0.5)
    for name, plane, z in (("pair_z-0.75", first, -0.75), ("pair_z+0.75", second, 0.75)):
        write_ome_tiff(root / f"{name}.ome.tiff", [plane], z_um=[z], mpp=0.5)
    write_ome_tiff(root / "single.ome.tiff", [first], z_um=[0.0], mpp=0.5)
    (root / "broken.svs").write_bytes(b"II*\0 not a slide")
    (root / "notes.txt").write_text("no slide")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "x.svs").write_bytes(b"")
    (root / "old.refocused.ome.zarr").mkdir()
    (root / "old.refocused.ome.zarr" / "zarr.json").write_text("{}")
    (root / "loop").symlink_to(root, target_is_directory=True)
    return root


def names(paths: tuple[str | None, ...]) -> tuple[str | None, ...]:
    return tuple(None if path is None else Path(path).name for path in paths)


def test_a_folder_is_searched(archive: Path) -> None:
    found = collect([str(archive)])
    assert [names((each.slide, each.second)) for each in found.entries] == [
        ("broken.svs", None),
        ("one.ome.tiff", None),
        ("pair_z-0.75.ome.tiff", "pair_z+0.75.ome.tiff"),
    ]
    pair = found.entries[2]
    assert pair.options == {"z_um": (-0.75, 0.75)}
    assert pair.output == str(archive / "pair.refocused.ome.zarr")
    assert [names(each.names) for each in found.refused] == [("single.ome.tiff",)]
    assert "one plane" in found.refused[0].reason
    assert found.notes == ("notes.txt is no slide",)


def test_outputs_keep_the_tree_of_a_searched_folder(archive: Path) -> None:
    found = collect([str(archive)], output="s3://bucket/results", exclude=["pair*", "broken*"])
    assert [each.output for each in found.entries] == ["s3://bucket/results/deep/one.refocused.ome.zarr"]


def test_globs_name_files(archive: Path) -> None:
    found = collect([str(archive / "pair_*.tiff")])
    assert len(found.entries) == 1
    assert not found.refused


def test_what_is_not_there_is_named(archive: Path) -> None:
    found = collect([str(archive / "gone.svs"), str(archive / "no*thing.svs")])
    assert not found.entries
    assert len(found.refused) == 2


@pytest.mark.parametrize("extra", ["pair_z+2.ome.tiff", "pair_z0.75.ome.tiff"])
def test_more_or_the_same_planes_are_listed_and_not_guessed(archive: Path, tmp_path: Path, extra: str) -> None:
    for file in archive.glob("pair_*.tiff"):
        if extra != "pair_z0.75.ome.tiff" or "+" in file.name:
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / extra).symlink_to(archive / "pair_z+0.75.ome.tiff")
    found = collect([str(tmp_path)])
    assert not found.entries
    assert len(found.refused) == 1
    assert len(found.refused[0].names) == len(list(tmp_path.iterdir()))


def test_files_of_one_acquisition_are_a_pair_by_their_metadata(archive: Path, tmp_path: Path) -> None:
    first, second = two_planes(tissue((300, 320), seed=2))
    for name, plane, z in (("a", first, -0.75), ("b", second, 0.75)):
        write_ome_tiff(tmp_path / f"{name}.ome.tiff", [plane], z_um=[z], mpp=0.5)
    found = collect([str(tmp_path)])
    assert [names((each.slide, each.second)) for each in found.entries] == [("a.ome.tiff", "b.ome.tiff")]
    assert found.entries[0].options == {"z_um": (-0.75, 0.75)}
    assert "metadata" in found.entries[0].origin


def test_two_slides_with_one_output_are_refused(archive: Path) -> None:
    slide = archive / "deep" / "one.ome.tiff"
    copy = archive.parent / "one.ome.tiff"
    copy.write_bytes(slide.read_bytes())
    found = collect([str(slide), str(copy)], output="out")
    assert not found.entries
    assert "written" in found.refused[0].reason


@pytest.mark.parametrize("pattern", ["{slide}", "{z}", "{slide}{plane}{z}", "{slide}_{height}"])
def test_a_pattern_needs_its_fields(pattern: str) -> None:
    with pytest.raises(UsageError, match="--pattern"):
        NamePattern(pattern)


def test_other_patterns() -> None:
    name = NamePattern("{slide}-{plane}").read("/x/case-7-near.svs")
    assert name is not None
    assert (name.slide, name.plane, name.z_um) == ("case", "7-near", None) or (name.slide, name.plane) == (
        "case-7",
        "near",
    )


def test_a_url_with_a_password_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        collect(["https://user:hunter2@host/slide.ome.tiff"])
    assert "hunter2" not in str(caught.value)


def manifest(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "slides.csv"
    file.write_text(text, encoding="utf-8-sig")
    return file


def test_a_manifest_gives_slides_settings_of_their_own(archive: Path, tmp_path: Path) -> None:
    near, far = (archive / f"pair_z{sign}0.75.ome.tiff" for sign in "-+")
    file = manifest(
        tmp_path,
        f"slide;second;z1;z2;mpp;output;method\n{near};{far};-0.5;0.5;;mine.ome.zarr;mean\n"
        f"{archive}/deep/one.ome.tiff;;;;0.4;;\nmissing.svs;;;;;;\n",
    )
    found = collect([], manifest=file)
    assert [entry.options for entry in found.entries] == [{"z_um": (-0.5, 0.5), "method": "mean"}, {"mpp": 0.4}]
    assert found.entries[0].output == str(tmp_path / "mine.ome.zarr")
    assert "missing.svs does not exist (row 4" in found.refused[0].reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\nx.svs\n", "columns are"),
        ("slide,colour\nx.svs,red\n", "colour"),
        ("slide,workers\nx.svs,3\n", "workers"),
        ("slide,z1\n{slide},0.5\n", "z1 and z2"),
        ("slide,z1,z2\n{slide},low,high\n", "row 2: z_um.* number"),
        ('slide\n"unclosed\n', "cannot be read|does not exist"),
        ("", "cannot be read"),
    ],
)
def test_a_wrong_manifest_is_told_in_one_line(archive: Path, tmp_path: Path, text: str, said: str) -> None:
    file = manifest(tmp_path, text.replace("{slide}", str(archive / "single.ome.tiff")))
    with pytest.raises(UsageError, match=said) as caught:
        found = collect([], manifest=file)
        raise UsageError(found.refused[0].reason)
    assert "\n" not in str(caught.value)


def test_parts_of_an_array_cover_everything_once(archive: Path) -> None:
    entries = collect([str(archive)]).entries
    parts = [part_of(entries, number, 2) for number in (1, 2)]
    assert sorted(each.key for part in parts for each in part) == sorted(each.key for each in entries)
    assert largest_first(entries)[-1].slide.endswith("broken.svs")
    with pytest.raises(UsageError, match="from 1 to 2"):
        part_of(entries, 3, 2)
