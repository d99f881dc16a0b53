"""Fitting a scanner's optics, and using them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file

from wsi_refocus import refocus_slide
from wsi_refocus.errors import CheckpointError, UsageError
from wsi_refocus.evaluation.calibration import (
    BUNDLED,
    FITTED,
    MEAN,
    NOMINAL,
    SHOT,
    TUNED,
    HeldOut,
    averages,
    fit_scanner,
    is_worth_it,
    measure,
    near_pairs,
    tune_to_scanner,
)
from wsi_refocus.evaluation.stack import cases_of_stack
from wsi_refocus.geometry import Region
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.network.zoo import default_checkpoint
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


def test_a_fit_is_better_than_nominal_optics_on_the_half_it_has_not_seen(
    planes: list[np.ndarray], tmp_path: Path
) -> None:
    cases = cases_of_stack(planes, 0.5, MPP, 2, near_pairs(5, 2))
    held_out = measure(cases, fit_scanner(cases, 60), tmp_path)
    found = averages(held_out)
    assert found[FITTED] - found[NOMINAL] > 0.5
    assert TUNED not in found
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_tuning_learns_from_the_upper_half_and_helps_on_the_lower(planes: list[np.ndarray], tmp_path: Path) -> None:
    cases = cases_of_stack(planes, 0.5, MPP, 2, [(1, 3)])
    fitted = OpticsProfile(Microscope(0.5, 0.9), Regularisation(0.2, 0.1, 0.1))
    tuned = tune_to_scanner(cases, fitted, tmp_path / "scanner.safetensors", 12)
    (held_out,) = measure(cases, tuned, tmp_path)
    assert held_out.psnr[TUNED] > held_out.psnr[BUNDLED] + 0.2
    seeing = tune_to_scanner(cases, fitted, tmp_path / "seeing.safetensors", 2)
    blind = [replace(case, **{name: _without_lower_half(getattr(case, name)) for name in ("first", "second", "truth")})
             for case in cases]  # fmt: skip
    unseeing = tune_to_scanner(blind, fitted, tmp_path / "blind.safetensors", 2)
    assert unseeing.weights_sha256 != ""
    one, other = (load_file(tmp_path / each.weights) for each in (seeing, unseeing))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def _without_lower_half(image: np.ndarray) -> np.ndarray:
    image = image.copy()
    image[len(image) // 2 :] = 0
    return image


def test_pairs_near_focus_are_fitted_to() -> None:
    assert near_pairs(5, 2) == [(0, 3), (0, 4), (1, 3), (1, 4)]
    assert near_pairs(20, 10)[0] == (7, 11)


def test_a_fit_that_is_worse_anywhere_on_average_is_not_worth_it() -> None:
    good = {SHOT: 30.0, MEAN: 29.0, NOMINAL: 31.0, BUNDLED: 30.0, FITTED: 32.0}
    assert is_worth_it([HeldOut("one", good)], FITTED)
    assert not is_worth_it([HeldOut("one", good)], TUNED)
    for name in (SHOT, MEAN, NOMINAL, BUNDLED):
        assert not is_worth_it([HeldOut("one", good | {name: 33.0})], FITTED)


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


@pytest.mark.long
def test_the_command_writes_a_profile_only_if_it_helps(planes: list[np.ndarray], tmp_path: Path) -> None:
    for number, plane in enumerate(planes):
        Image.fromarray(plane).save(tmp_path / f"{number}.png")
    scale = ["--truth", "2", "--z-step", "0.5", "--mpp", "0.25", "--pair", "1,3"]
    path = tmp_path / "p.json"
    result = CliRunner().invoke(group, ["calibrate", str(tmp_path), "-o", str(path), *scale, "--tuning-steps", "4"])
    assert result.exit_code == 0, result.output
    assert "| planes 1, 3 |" in result.stdout
    profile = OpticsProfile.read(path)
    assert profile.figures["mpp"] == MPP
    assert bool(profile.weights) == (tmp_path / "p.safetensors").exists()
    path.unlink()
    result = CliRunner().invoke(group, ["calibrate", str(tmp_path), "-o", str(path), *scale, "--tuning-steps", "0"])
    assert "tuned" not in result.stdout
    assert OpticsProfile.read(path).weights == ""


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


def test_a_profile_without_weights_and_one_with_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    PROFILE.write(path)
    with pytest.raises(UsageError, match="no weights"):
        make_method(MethodSpec("tsva-lite", profile=str(path)))
    shutil.copy(default_checkpoint(), tmp_path / "w.safetensors")
    replace(PROFILE, weights="w.safetensors", weights_sha256="0").write(path)
    with pytest.raises(CheckpointError, match="calibrate again"):
        make_method(MethodSpec("tsva-lite", profile=str(path)))
    with pytest.raises(UsageError, match="either"):
        make_method(MethodSpec("tsva-lite", "some.safetensors", profile=str(path)))


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
