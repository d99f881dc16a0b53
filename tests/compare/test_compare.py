"""Numbers of a comparison, against those of the pixels themselves."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pipeline.outputs import pixels
from tests.support.two_shot import two_planes, write_ome_tiff, z_stack
from tests.verify.damage import edit_table
from wsi_refocus.errors import OutputError, PlanePairError, SlideError
from wsi_refocus.geometry import Region
from wsi_refocus.pipeline.progress import Silence
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.quality.fidelity import psnr, ssim
from wsi_refocus.report.compare import compare, default_page
from wsi_refocus.report.compare_cells import measure_differences
from wsi_refocus.report.compare_sides import opened_pair

Image = NDArray[np.uint8]


def test_two_outputs(mean_output: Path, sharpest_output: Path, tmp_path: Path) -> None:
    found = compare(mean_output, sharpest_output, tmp_path / "page.html")
    a, b = (pixels(output, 1100, 1300) for output in (mean_output, sharpest_output))
    assert found.whole is not None and found.tissue is not None
    assert found.whole.cells == 9 and found.tissue.cells == 8 and found.whole.identical == 1
    assert found.whole.psnr == pytest.approx(psnr(a, b))
    assert found.whole.absolute == pytest.approx(np.abs(a.astype(int) - b).mean())
    assert found.tissue.psnr < found.whole.psnr and found.whole.psnr_worst <= found.whole.psnr_median
    assert (found.a["method"], found.b["method"]) == ("mean", "sharpest")
    assert found.b["decisions"] == {"total": 9, "refocused": 0, "kept": 8, "background": 1, "flagged": 0}
    assert found.decisions_differ == 8 and found.shift_px is None and found.bound_held is None
    assert [each.squared for each in found.worst] == sorted((each.squared for each in found.worst), reverse=True)
    first = found.worst[0]
    rows, columns = first.place.slices
    assert first.psnr == pytest.approx(psnr(a[rows, columns], b[rows, columns]))
    assert first.ssim == pytest.approx(ssim(a[rows, columns], b[rows, columns]))


def test_an_output_and_itself(mean_output: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(mean_output, tmp_path / "copy.ome.zarr")
    found = compare(mean_output, copy, tmp_path / "page.html")
    assert found.whole is not None and found.whole.psnr == math.inf and found.worst == []
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content["whole"]["psnr"] is None and content["whole"]["identical"] == 9
    assert "same" in found.to_text()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0)])
def test_the_truth_is_laid_on_the_output(
    in_focus: Image, mean_output: Path, tmp_path: Path, shift: tuple[float, float]
) -> None:
    """Wherever its own grid lies, and however bright it is."""
    _, moved = two_planes(in_focus, blurs=(0.0, 0.0), shift=shift, gain=(0.96, 1.0, 1.0))
    truth = write_ome_tiff(tmp_path / "t.ome.tiff", [moved], z_um=[0.0], compression="deflate")
    found = compare(mean_output, str(truth), tmp_path / "page.html")
    assert found.b == {"path": str(truth), "kind": "truth", "method": "truth", "decisions": None}
    # content of the truth lies lower by the shift: it has to be moved back
    assert found.shift_px == pytest.approx((-shift[0], -shift[1]), abs=0.1)
    assert found.tissue is not None
    unmoved = psnr(pixels(mean_output, 1100, 1300), in_focus)
    assert found.tissue.psnr == pytest.approx(unmoved, abs=1.0)


def test_it_says_what_a_run_with_reference_says(shots_file: Path, truth_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.ome.zarr"
    summary = refocus_slide(shots_file, output=output, method="mean", workers=0, reference=str(truth_file))
    found = compare(output, truth_file, tmp_path / "page.html")
    assert summary.psnr_db is not None and found.tissue is not None
    assert found.tissue.psnr == pytest.approx(summary.psnr_db.output, abs=0.2)


def test_a_part_is_compared_with_that_part_of_the_truth(shots_file: Path, truth_file: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.ome.zarr"
    region = (300, 400, 700, 800)
    summary = refocus_slide(shots_file, output=part, method="mean", workers=0, region=region, reference=str(truth_file))
    found = compare(part, truth_file, tmp_path / "page.html")
    assert found.tissue is not None and summary.psnr_db is not None
    assert found.tissue.psnr == pytest.approx(summary.psnr_db.output, abs=0.2)
    assert found.shift_px == pytest.approx((0, 0), abs=0.1)


def test_bounds_and_gains_are_put_side_by_side(mean_output: Path, truth_file: Path, tmp_path: Path) -> None:
    one, two = (Path(shutil.copytree(mean_output, tmp_path / f"{name}.ome.zarr")) for name in "ab")
    glass = [True] + 8 * [False]
    for copy, gain in ((one, 1.0), (two, -2.0)):
        edit_table(copy, lambda table, gain=gain: table.assign(
            written="refocused", psnr_bound=np.where(glass, np.nan, [1, 1, 1, 1, 1, 99, 99, 99, 99]),
            gain_bound=np.where(glass, np.nan, gain), gain_predicted=np.where(glass, np.nan, gain + 0.5)))  # fmt: skip
    found = compare(one, two, tmp_path / "page.html")
    assert found.gain["gain_bound"] == [
        {"tiles": 8, "median": 1.0, "below_zero": 0}, {"tiles": 8, "median": -2.0, "below_zero": 8},
    ]  # fmt: skip
    assert found.bound_held is None  # another output is no truth
    assert compare(one, truth_file, tmp_path / "page.html").bound_held == {"tiles": 8, "held": 4}
    assert compare(one, mean_output, tmp_path / "page.html").gain == {}


def test_no_more_than_a_cell_is_read_at_once(mean_output: Path, truth_file: Path) -> None:
    largest = 0
    with opened_pair(mean_output, str(truth_file), Silence()) as pair:

        def watched(region: Region) -> Image:
            nonlocal largest
            largest = max(largest, region.area)
            return pair.read_a(region)

        assert len(measure_differences(replace(pair, read_a=watched), Silence())) == 9
    assert largest == 512**2


def test_what_differs_beside_the_pixels_is_noted(mean_output: Path, in_focus: Image, tmp_path: Path) -> None:
    other = write_ome_tiff(tmp_path / "other.ome.tiff", two_planes(in_focus, blurs=(2.2, 1.0)), compression="deflate")
    refocus_slide(other, output=tmp_path / "other.ome.zarr", method="mean", workers=0)
    notes = compare(mean_output, tmp_path / "other.ome.zarr", tmp_path / "page.html").notes
    assert any("different files" in note for note in notes)
    assert any("grid of plane 0 and B on that of plane 1" in note for note in notes)


def test_what_does_not_belong_together_is_refused(
    mean_output: Path, shots_file: Path, in_focus: Image, tmp_path: Path
) -> None:
    small = write_ome_tiff(tmp_path / "small.ome.tiff", [in_focus[:600]], z_um=[0.0])
    finer = write_ome_tiff(tmp_path / "finer.ome.tiff", [in_focus], z_um=[0.0], mpp=0.25)
    other = write_ome_tiff(tmp_path / "other.ome.tiff", [in_focus[::-1, ::-1].copy()], z_um=[0.0])
    stack = write_ome_tiff(tmp_path / "stack.ome.tiff", z_stack(in_focus, 3, 1), z_um=[-1, 0, 1])
    part = tmp_path / "part.ome.zarr"
    refocus_slide(shots_file, output=part, method="mean", workers=0, region=(0, 0, 600, 600))
    page = tmp_path / "page.html"
    for b, reason in (
        (small, "600 × 1300"), (finer, "µm per pixel"), (part, "600 × 600"), (tmp_path / "absent", "absent"),
    ):  # fmt: skip
        with pytest.raises(SlideError, match=reason) as error:
            compare(mean_output, b, page)
        assert "\n" not in str(error.value)
    for b, reason in ((stack, "3 focal planes"), (other, "tissue")):
        with pytest.raises(PlanePairError, match=reason):
            compare(mean_output, b, page)
    with pytest.raises(SlideError, match="has not the part"):
        compare(part, write_ome_tiff(tmp_path / "tiny.ome.tiff", [in_focus[:300, :300]], z_um=[0.0]), page)
    with pytest.raises(OutputError, match="no such folder"):
        compare(shots_file, mean_output, page)
    assert not page.exists()


def test_the_page_lies_beside_the_output_unless_said_otherwise() -> None:
    assert default_page("runs/a.refocused.ome.zarr") == Path("runs/a.refocused.compare.html")
    assert default_page("runs/a.zarr/") == Path("runs/a.compare.html")
