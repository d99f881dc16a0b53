"""Fitting a scanner's optics, and using them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from wsi_refocus import refocus_slide
from wsi_refocus.errors import UsageError
from wsi_refocus.evaluation.calibration import HeldOut, calibrate, is_worth_it, near_pairs
from wsi_refocus.evaluation.stack import cases_of_stack
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.optics.abbe import AbbeViews
from wsi_refocus.optics.inversion import Regularisation
from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.optics.specimen import draw_smear, faded
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus_cli.app import group, main

MPP = 0.25
HEIGHTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
PROFILE = OpticsProfile(Microscope(0.5, 0.9), Regularisation(0.1, 0.1, 0.1), 1.2, 0.1, {"mpp": MPP})


@pytest.fixture(scope="module")
def planes() -> list[np.ndarray]:
    """A stack through other optics than the nominal ones."""
    optics = Microscope(numerical_aperture=0.5, condenser_ratio=0.9)
    views = AbbeViews(faded(draw_smear(160, MPP, np.random.default_rng(5)), 10), optics, MPP)
    return [np.clip(views.at(z) + 0.5, 0, 255).astype(np.uint8) for z in HEIGHTS]


def test_a_fit_is_better_than_nominal_optics_on_the_half_it_has_not_seen(planes: list[np.ndarray]) -> None:
    cases = cases_of_stack(planes, 0.5, MPP, 2, near_pairs(5, 2))
    profile, held_out = calibrate(cases, 60)
    gains = [each.fitted - each.nominal for each in held_out]
    assert np.mean(gains) > 0.5
    assert is_worth_it(held_out)
    assert profile.figures["psnr_db_on_lower_half"]["fitted"] == pytest.approx(
        np.mean([each.fitted for each in held_out]), abs=1e-3
    )


def test_pairs_near_focus_are_fitted_to() -> None:
    assert near_pairs(5, 2) == [(0, 3), (0, 4), (1, 3), (1, 4)]
    assert near_pairs(20, 10)[0] == (7, 11)


def test_a_fit_that_is_worse_anywhere_on_average_is_not_worth_it() -> None:
    good = HeldOut("one", 30.0, 29.0, 31.0, 32.0)
    assert is_worth_it([good])
    assert not is_worth_it([replace(good, nominal=33.0)])
    assert not is_worth_it([replace(good, mean=33.0)])


def test_profiles_are_kept_in_files(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    PROFILE.write(path)
    assert OpticsProfile.read(path) == PROFILE
    assert PROFILE.heights(-0.5, 0.5) == pytest.approx((-0.7, 0.5))


@pytest.mark.parametrize("content", ["", "[]", '{"format": "other"}', '{"format": "wsi-refocus optics profile 1"}'])
def test_files_that_are_no_profiles_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"profile\.json"):
        OpticsProfile.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        OpticsProfile.read(tmp_path / "none.json")


def test_the_command_writes_a_profile_only_if_it_helps(planes: list[np.ndarray], tmp_path: Path) -> None:
    for number, plane in enumerate(planes):
        Image.fromarray(plane).save(tmp_path / f"{number}.png")
    scale = ["--truth", "2", "--z-step", "0.5", "--mpp", "0.25", "--pair", "1,3"]
    result = CliRunner().invoke(group, ["calibrate", str(tmp_path), "-o", str(tmp_path / "p.json"), *scale])
    assert result.exit_code == 0, result.output
    assert "| planes 1, 3 |" in result.stdout
    assert OpticsProfile.read(tmp_path / "p.json").figures["mpp"] == MPP


def test_a_run_uses_the_profile_and_records_it(slide: Path, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    PROFILE.write(path)
    outputs = []
    for name, options in (("nominal", {}), ("fitted", {"profile": str(path)})):
        outputs.append(tmp_path / name)
        refocus_slide(slide, output=outputs[-1], method="joint", workers=0, threads=2, **options)
    middle = Region(1400, 1400, 300, 300)
    assert not np.array_equal(*(read_level(output, 0, middle) for output in outputs))
    attributes = json.loads((outputs[1] / "zarr.json").read_text())["attributes"]["wsi_refocus"]
    assert len(attributes["method"]["profile_sha256"]) == 64
    assert attributes["settings"]["profile"] == str(path)


def test_methods_that_use_no_profile_refuse_one(
    slide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "profile.json"
    PROFILE.write(path)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(slide), "-o", str(tmp_path / "out"), "--method", "mean", "--profile", str(path)])
    assert ended.value.code == 2
    assert "--method joint" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
