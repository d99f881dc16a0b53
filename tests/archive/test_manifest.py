"""Manifests, as spreadsheets and programs write them."""

from pathlib import Path

import pandas as pd
import pytest

from wsi_refocus.archive.manifest import read_manifest
from wsi_refocus.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.svs", "b.svs"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def read(folder: Path, content: str | bytes) -> list[tuple[tuple[str, ...], dict[str, object], str | None]]:
    file = folder / "slides.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    slides, refused = read_manifest(file)
    assert not refused
    return [(tuple(Path(each).name for each in slide.files), slide.options, out) for slide, out in slides]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_marks_and_ends_of_lines(folder: Path, separator: str, mark: bytes, end: str) -> None:
    lines = [["slide", "second ", "mpp"], [" a.svs", "b.svs", "0.5"], ["", "", ""], ["b.svs", "", ""]]
    text = end.join(separator.join(line) for line in lines)
    assert read(folder, mark + text.encode()) == [(("a.svs", "b.svs"), {"mpp": 0.5}, None), (("b.svs",), {}, None)]


def test_settings_have_their_types(folder: Path) -> None:
    text = 'slide,z,planes,limits,tissue_mask,output,profile\na.svs,"-0.75,0.75",2;7,chi2=30 gain_bound=0,false,s3://x/o,p.json\n'
    ((_, options, output),) = read(folder, text)
    assert options == {
        "z_um": (-0.75, 0.75), "planes": (2, 7), "limits": {"chi2": 30.0, "gain_bound": 0.0}, "tissue_mask": False,
        "profile": str(folder / "p.json"),
    }  # fmt: skip
    assert output == "s3://x/o"


def test_parquet(folder: Path) -> None:
    table = pd.DataFrame({"slide": ["a.svs", "b.svs"], "mpp": [0.25, None], "planes": [[0, 2], None]})
    table.to_parquet(folder / "slides.parquet")
    slides, refused = read_manifest(folder / "slides.parquet")
    assert [slide.options for slide, _ in slides] == [{"mpp": 0.25, "planes": (0, 2)}, {}]
    assert not refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slide,second\na.svs,a.svs\n", "own second"),
        ("slide\nmissing.svs\n", r"missing\.svs does not exist \(row 2"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(folder: Path, text: str, said: str) -> None:
    (folder / "slides.csv").write_text(text)
    slides, refused = read_manifest(folder / "slides.csv")
    assert not slides
    with pytest.raises(ValueError, match=said):
        raise ValueError(refused[0].reason)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slide,slide\na.svs,b.svs\n", "twice"),
        ("slide,mpp\na.svs,-1\n", "row 2: mpp"),
        ("slide,mpp\na.svs,0.5\nb.svs,0,25\n", "row 3 has 3 cells"),
        ("slide,method,mpp\n,mean,\n", "row 2 names no slide"),
        ("slide,z,z1,z2\na.svs,1,1,2\n", "z1 and z2"),
        ("slide,limits\na.svs,chi2\n", "row 2: limits"),
        ("slide,limits\na.svs,nonsense=1\n", "row 2"),
        (b"slide\n\xff\xfe.svs\n", "cannot be read"),
        ("slide\n" + "x" * 5000 + "\n", "no text"),
        ("slide\na\0.svs\n", "no text|cannot be read"),
        ("slide\nhttps://me:secret@host/x.svs\n", "password"),
        ("slide,mpp\n" + '"' * 200_001, "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(folder: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(folder, text)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_small_file_cannot_fill_the_memory(folder: Path) -> None:
    table = pd.DataFrame({"slide": ["x" * 10_000_000] * 20})
    table.to_parquet(folder / "slides.parquet", compression="zstd")
    with pytest.raises(UsageError, match="characters"):
        read_manifest(folder / "slides.parquet")
    pd.DataFrame({"slide": ["a.svs"] * 1_000_001}).to_parquet(folder / "slides.parquet")
    with pytest.raises(UsageError, match="1000001 rows"):
        read_manifest(folder / "slides.parquet")
