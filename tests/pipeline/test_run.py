"""Whole runs on small slides: what is written, and that it depends on nothing that it should not."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from distributed import LocalCluster
from numpy.typing import NDArray
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models import open_ome_zarr

import wsi_refocus
from tests.pipeline.outputs import array_files, whole
from tests.support.ome_zarr import write_ome_zarr
from tests.support.single_plane import write_tiff
from tests.support.two_shot import tissue, two_planes, write_ome_tiff, z_stack
from wsi_refocus.errors import FailedShardsError, PlanePairError, UsageError
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.pipeline.summary import RunSummary

Image = NDArray[np.uint8]


def _difference(one: Image, two: Image) -> int:
    return int(np.abs(one.astype(int) - two).max())


@pytest.mark.parametrize("ngff", ["0.5", "0.4"])
def test_sharpest_gives_back_the_sharper_shot_and_the_store_is_valid(tmp_path: Path, ngff: str) -> None:
    first, second = two_planes(tissue((700, 900), seed=2))
    slide = tmp_path / "slide.ome.tiff"
    write_ome_tiff(slide, [first, second], z_um=[-0.75, 0.75], mpp=0.5, compression="deflate")
    summary = refocus_slide(slide, method="sharpest", ngff=ngff, workers=0)
    assert Path(summary.output) == tmp_path / "slide.refocused.ome.zarr"
    assert np.array_equal(whole(summary), first)
    open_ome_zarr(zarr.open_group(summary.output, mode="r"))
    nodes = list(Reader(parse_url(summary.output))())
    assert nodes[0].data[0].shape == (3, 700, 900)
    provenance = wsi_refocus.read_provenance(summary.output)
    assert "not captured" in provenance["statement"]
    assert provenance["planes"]["z_um"] == [-0.75, 0.75]
    assert provenance["source"]["paths"] == [str(slide)]
    assert Path(summary.preview).stat().st_size > 1000


@pytest.fixture(scope="module")
def plain(
    slide: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> wsi_refocus.pipeline.summary.RunSummary:
    """The network's result, made in this process in tiles of 512 pixels; not judged, so that all of it is compared."""
    output = tmp_path_factory.mktemp("plain") / "plain.ome.zarr"
    return refocus_slide(slide, output=output, checkpoint=str(weights), workers=0, policy="off")


@pytest.mark.parametrize("tile", [128, pytest.param(320, marks=pytest.mark.long), 4096])
def test_tiled_equals_untiled(plain: RunSummary, slide: Path, weights: Path, tmp_path: Path, tile: int) -> None:
    other = refocus_slide(
        slide, output=tmp_path / "o.ome.zarr", checkpoint=str(weights), workers=0, tile=tile, policy="off"
    )
    assert _difference(whole(other), whole(plain)) <= 1


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_any_number_of_workers_writes_the_same_bytes(
    plain, slide: Path, weights: Path, tmp_path: Path, workers: int
) -> None:
    other = refocus_slide(
        slide, output=tmp_path / "o.ome.zarr", checkpoint=str(weights), workers=workers, threads=1, policy="off"
    )
    assert array_files(other.output) == array_files(plain.output)


def test_an_existing_scheduler_is_used(plain: RunSummary, slide: Path, weights: Path, tmp_path: Path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None) as cluster:
        other = refocus_slide(
            slide,
            output=tmp_path / "o.ome.zarr",
            checkpoint=str(weights),
            scheduler=cluster.scheduler_address,
            policy="off",
        )
    assert array_files(other.output) == array_files(plain.output)


def test_the_order_in_which_planes_are_named_plays_no_part(
    plain: RunSummary, slide: Path, weights: Path, tmp_path: Path
) -> None:
    swapped = refocus_slide(
        slide, output=tmp_path / "s.ome.zarr", checkpoint=str(weights), workers=0, planes=(1, 0), policy="off"
    )
    assert array_files(swapped.output) == array_files(plain.output)


@pytest.mark.long
def test_the_order_in_which_files_are_named_plays_no_part(
    shots: tuple[Image, Image], weights: Path, tmp_path: Path
) -> None:
    near, far = (write_tiff(tmp_path / name, shot) for name, shot in zip(("n.tiff", "f.tiff"), shots, strict=True))
    one = refocus_slide(near, far, tmp_path / "one.ome.zarr", checkpoint=str(weights), workers=0, policy="off")
    two = refocus_slide(far, near, tmp_path / "two.ome.zarr", checkpoint=str(weights), workers=0, policy="off")
    assert array_files(one.output) == array_files(two.output)


def test_no_seams_where_the_choice_changes(plain: RunSummary, slide: Path) -> None:
    """Along the cell borders neighbouring pixels differ no more than elsewhere."""
    table = wsi_refocus.read_quality(plain.output)
    assert set(table["sharper"]) == {0, 1}
    made = whole(plain).astype(float)
    for axis in (0, 1):
        steps = np.abs(np.diff(made, axis=axis)).mean(axis=(1 - axis, 2))
        borders = np.arange(512, made.shape[axis], 512) - 1
        near = np.concatenate([steps[border - 40 : border + 40] for border in borders])
        assert steps[borders].max() <= near.mean() + 4 * near.std()


def test_shift_and_gain_are_found_corrected_and_recorded(tmp_path: Path) -> None:
    truth = tissue((1100, 1300), seed=4)
    first, second = two_planes(truth, blurs=(1.0, 1.2), shift=(3.4, -2.2), gain=(1.03, 1.0, 0.97))
    slide = tmp_path / "slide.ome.tiff"
    write_ome_tiff(slide, [first, second], z_um=[-0.75, 0.75], mpp=0.5, compression="deflate")
    reference = tmp_path / "truth.ome.tiff"
    write_ome_tiff(reference, [truth], z_um=[0.0], mpp=0.5, compression="deflate")
    summary = refocus_slide(
        slide, method="mean", policy="off", workers=0, reference=str(reference), csv=tmp_path / "t.csv"
    )
    assert summary.shift_px == pytest.approx((3.4, -2.2), abs=0.1)
    table = wsi_refocus.read_quality(summary.output)
    tissue_cells = table[table["tissue_fraction"] > 0.5]
    assert np.allclose(tissue_cells[["shift_y_px", "shift_x_px"]], (3.4, -2.2), atol=0.2)
    assert np.allclose(1 / tissue_cells[["gain_r", "gain_g", "gain_b"]], (1.03, 1.0, 0.97), atol=0.01)
    aligned = whole(summary)[100:-100, 100:-100].astype(float)
    unaligned = (first.astype(float) + second)[100:-100, 100:-100] / 2
    wanted = truth[100:-100, 100:-100]
    assert np.mean((aligned - wanted) ** 2) < 0.5 * np.mean((unaligned - wanted) ** 2)
    assert summary.psnr_db is not None and summary.ssim is not None
    assert summary.psnr_db.output > 25 and 0.5 < summary.ssim.output <= 1
    assert len((tmp_path / "t.csv").read_text().splitlines()) == len(table) + 1


def test_a_part_that_shows_another_place_is_flagged_and_kept(tmp_path: Path) -> None:
    first, second = two_planes(tissue((1100, 3000), seed=6), blurs=(1.0, 1.5))
    second = second.copy()
    second[:, 2048:] = two_planes(tissue((1100, 952), seed=99))[1]
    slide = tmp_path / "slide.ome.tiff"
    write_ome_tiff(slide, [first, second], z_um=[-0.75, 0.75], mpp=0.5, compression="deflate")
    summary = refocus_slide(slide, method="mean", policy="off", workers=0)
    table = wsi_refocus.read_quality(summary.output)
    right = table[(table["x"] >= 2048) & (table["tissue_fraction"] > 0.5)]
    left = table[(table["x"] < 1536) & (table["tissue_fraction"] > 0.5)]
    assert (right["decision"] == "flagged").mean() > 0.7
    assert (left["decision"] == "refocused").all()
    flagged = right[right["decision"] == "flagged"].iloc[0]
    assert flagged["reason"]
    y, x = int(flagged["y"]), int(flagged["x"])
    cell = (slice(y + 70, y + 400), slice(x + 70, x + 300))
    captured = (first, second)[int(flagged["sharper"])]
    assert _difference(whole(summary)[cell], captured[cell]) <= 40  # resampled perhaps, but of one shot alone
    assert summary.tiles["flagged"] == (table["decision"] == "flagged").sum()
    assert summary.tiles["total"] == len(table)


def test_background_is_taken_over_and_counted(slide: Path, shots: tuple[Image, Image], plain: RunSummary) -> None:
    table = wsi_refocus.read_quality(plain.output)
    background = table[table["decision"] == "background"]
    assert len(background) == plain.tiles["background"] > 0
    for _, row in background.iterrows():
        cell = (slice(row["y"], row["y"] + row["height"]), slice(row["x"], row["x"] + row["width"]))
        assert np.array_equal(whole(plain)[cell], shots[row["sharper"]][cell])


def test_no_tissue_mask_refocuses_everything(slide: Path, tmp_path: Path) -> None:
    summary = refocus_slide(slide, output=tmp_path / "o.ome.zarr", method="mean", workers=0, tissue_mask=False)
    assert summary.tiles["background"] == 0
    assert summary.tiles["total"] == 30


def test_eleven_planes_in_ome_tiff_and_in_ome_zarr(tmp_path: Path) -> None:
    truth = tissue((600, 800), seed=8)
    planes = z_stack(truth, 11, focus=5, step=0.5)
    z_um = [-2.5 + 0.5 * number for number in range(11)]
    slide = tmp_path / "stack.ome.tiff"
    write_ome_tiff(slide, planes, z_um=z_um, mpp=0.5, compression="deflate")
    one = refocus_slide(slide, method="mean", policy="off", workers=0, reference="plane:5", defocus_offset_um=1.0)
    assert one.planes == (3, 7)
    assert wsi_refocus.read_provenance(one.output)["planes"]["initial_focus"] == 5
    assert "F" in wsi_refocus.read_provenance(one.output)["planes"]["reason"]
    store = tmp_path / "stack.ome.zarr"
    write_ome_zarr(store, planes, mpp=0.5, z_um=(-2.5, -2.0))
    two = refocus_slide(
        store, output=tmp_path / "two.ome.zarr", method="mean", policy="off", workers=0, defocus_offset_um=1.0
    )
    assert two.planes == (3, 7)
    assert _difference(whole(one), whole(two)) == 0
    named = refocus_slide(slide, output=tmp_path / "n.ome.zarr", method="mean", workers=0, planes=(2, 9))
    assert named.planes == (2, 9)


def test_level_and_region_cut_the_output(slide: Path, shots: tuple[Image, Image], tmp_path: Path) -> None:
    region = (600, 100, 700, 650)
    part = refocus_slide(slide, output=tmp_path / "p.ome.zarr", method="mean", policy="off", workers=0, region=region)
    assert part.shape == (700, 650)
    mean = ((shots[0].astype(int) + shots[1] + 1) // 2)[600:1300, 100:750]
    tissue_part = (slice(200, 500), slice(200, 500))
    assert np.abs(whole(part)[tissue_part].astype(int) - mean[tissue_part]).mean() < 2
    coarse = refocus_slide(slide, output=tmp_path / "c.ome.zarr", method="mean", workers=0, level=1)
    assert coarse.shape == (1050, 1300)
    metadata = zarr.open_group(coarse.output, mode="r").attrs["ome"]["multiscales"][0]["datasets"][0]
    assert metadata["coordinateTransformations"][0]["scale"] == pytest.approx([1, 1, 1])


def test_a_corrupt_tile_costs_its_shard_alone(slide: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.ome.tiff"
    content = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        page = tiff.pages[0]
        start, count = page.dataoffsets[-1], page.databytecounts[-1]
    content[start : start + count] = bytes(count)
    broken.write_bytes(content)
    output = tmp_path / "o.ome.zarr"
    for attempt in ("the first time", "and again by the same command"):
        with pytest.raises(FailedShardsError, match=r"1 of 4 shards.*shard 1,1.*broken\.ome\.tiff"):
            refocus_slide(broken, output=output, method="mean", workers=0, retries=1, tissue_mask=False)
        assert Journal(output).finished_shards() == {(0, 0), (0, 1), (1, 0)}, attempt
        assert not (output / "zarr.json").exists()


def test_two_slides_of_different_tissue_are_refused(tmp_path: Path) -> None:
    near = write_tiff(tmp_path / "near.tiff", tissue((900, 900), seed=1))
    far = write_tiff(tmp_path / "far.tiff", tissue((900, 900), seed=50)[::-1, ::-1].copy())
    with pytest.raises(PlanePairError, match="tissue"):
        refocus_slide(near, far, method="mean", workers=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far.tiff", "near.tiff"]


def test_a_tile_off_the_stride_is_refused(slide: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stride"):
        refocus_slide(slide, output=tmp_path / "o", checkpoint=str(weights), tile=101, workers=0)
