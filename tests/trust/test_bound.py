"""The file of a calibrated bound: it survives writing, and nothing else passes for it."""

import hashlib
import math
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.network.networks import random_lite
from wsi_refocus.errors import CheckpointError
from wsi_refocus.network.checkpoint import checkpoint_sha256, save_checkpoint
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.zoo import bundled_checkpoints
from wsi_refocus.trust.bound import FARTHEST, FORMAT, SUFFIX, Calibration, ErrorBound, calibration_beside
from wsi_refocus.trust.fitting import COVERAGE

SHA = "a" * 64
NAMES = ("turns", "chi2 sharper", "µm")


@pytest.fixture
def bound() -> ErrorBound:
    generator = np.random.default_rng(3)
    count, units = len(NAMES), 16

    def drawn(*shape: int) -> np.ndarray:
        return generator.normal(0, 1, shape).astype(np.float32).astype(np.float64)

    return ErrorBound(
        names=NAMES,
        centre=drawn(count),
        scale=np.abs(drawn(count)),
        hidden=drawn(count + 1, units),
        mean=drawn(1 + count + units, 2),
        log_spread=drawn(1 + count + units, 2) / 8,
        quantiles=(1.2, 1.7),
        facts={"checkpoint_sha256": SHA, "coverage": 0.9, "tiles": 1234},
    )


def test_what_is_read_is_what_was_written_bit_for_bit(bound: ErrorBound, tmp_path: Path) -> None:
    bound.write(tmp_path / "one.bound")
    read = ErrorBound.read(tmp_path / "one.bound")
    assert (read.names, read.quantiles, read.facts) == (bound.names, bound.quantiles, bound.facts)
    for name in ("centre", "scale", "hidden", "mean", "log_spread"):
        assert np.array_equal(getattr(read, name), getattr(bound, name))
    rows = np.random.default_rng(0).normal(0, 1, (50, len(NAMES)))
    for mine, theirs in zip(bound.predict(rows), read.predict(rows), strict=True):
        assert np.array_equal(mine, theirs)
    assert read.sha256 == hashlib.sha256((tmp_path / "one.bound").read_bytes()).hexdigest()


def test_the_bound_lies_its_quantile_of_spreads_below_the_prediction(bound: ErrorBound) -> None:
    features = {"turns": 0.3, "chi2 sharper": -1.0, "µm": 2.0, "not asked for": 7.0}
    found = bound.of(features)
    mean, spread = bound.predict(np.array([[0.3, -1.0, 2.0]]))
    assert (found.psnr, found.gain) == pytest.approx(tuple(mean[0]))
    assert found.psnr_bound == pytest.approx(mean[0, 0] - 1.2 * spread[0, 0])
    assert found.gain_bound == pytest.approx(mean[0, 1] - 1.7 * spread[0, 1])
    assert np.all(spread > 0)


def test_what_was_not_measured_counts_as_average_and_what_is_far_off_as_far(bound: ErrorBound) -> None:
    centre = dict(zip(NAMES, bound.centre, strict=True))
    missing = bound.of({**centre, "turns": math.nan})
    assert missing == bound.of(centre)
    far = bound.centre[0] + FARTHEST * bound.scale[0]
    assert bound.of({**centre, "turns": 1e9}).psnr == pytest.approx(bound.of({**centre, "turns": far}).psnr)
    assert bound.of({**centre, "turns": math.inf}) == bound.of({**centre, "turns": 1e9})


class _Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")


def _pickled(path: Path, _: ErrorBound) -> None:
    path.write_bytes(pickle.dumps(_Trap(path.with_name("sprung"))))


def _cut(path: Path, bound: ErrorBound) -> None:
    bound.write(path)
    path.write_bytes(path.read_bytes()[:-20])


def _cut_in_its_header(path: Path, bound: ErrorBound) -> None:
    bound.write(path)
    path.write_bytes(path.read_bytes()[:60])


def _weights(path: Path, _: ErrorBound) -> None:
    card = ModelCard(summary="For tests.", data="None.", licence="Apache-2.0")
    save_checkpoint(path.with_suffix(".safetensors"), random_lite(), card).rename(path)


def _of_another_format(path: Path, bound: ErrorBound) -> None:
    bound.write(path)
    path.write_bytes(path.read_bytes().replace(FORMAT.encode(), FORMAT.replace("1", "9").encode()))


def _of_another_shape(path: Path, bound: ErrorBound) -> None:
    from dataclasses import replace

    replace(bound, names=(*NAMES, "one more")).write(path)


def _huge_header(path: Path, _: ErrorBound) -> None:
    path.write_bytes(struct.pack("<Q", 2**60) + b"{")


def _empty(path: Path, _: ErrorBound) -> None:
    path.write_bytes(b"")


def _folder(path: Path, _: ErrorBound) -> None:
    path.mkdir()


def _missing(path: Path, _: ErrorBound) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    "make",
    [
        _pickled,
        _cut,
        _cut_in_its_header,
        _weights,
        _of_another_format,
        _of_another_shape,
        _huge_header,
        _empty,
        _folder,
        _missing,
    ],
    ids=lambda make: make.__name__.strip("_"),
)
def test_what_is_no_bound_is_refused_in_one_line(
    make: Callable[[Path, ErrorBound], None], bound: ErrorBound, tmp_path: Path
) -> None:
    path = tmp_path / "weights.bound"
    make(path, bound)
    with pytest.raises(CheckpointError) as refused:
        ErrorBound.read(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value) and "calibrate-bound" in str(refused.value)
    assert not (tmp_path / "sprung").exists()


def test_a_bound_is_found_beside_the_weights_that_it_was_calibrated_for(bound: ErrorBound, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    bound.write(tmp_path / "weights.bound")
    found = calibration_beside(weights, SHA)
    assert found.note == ""
    assert found.sha256 == ErrorBound.read(tmp_path / "weights.bound").sha256
    assert found.facts["coverage"] == 0.9


def test_a_bound_of_other_weights_is_not_used_and_that_is_said(bound: ErrorBound, tmp_path: Path) -> None:
    bound.write(tmp_path / "weights.bound")
    for sha in ("b" * 64, None):
        found = calibration_beside(tmp_path / "weights.safetensors", sha)
        assert (found.sha256, dict(found.facts)) == (None, {})
        assert "other weights" in found.note and "weights.bound" in found.note


def test_weights_without_a_bound_are_said_to_have_none(tmp_path: Path) -> None:
    found = calibration_beside(tmp_path / "weights.safetensors", SHA)
    assert found == Calibration(note=found.note)
    assert "weights.safetensors" in found.note


def test_a_damaged_bound_beside_the_weights_is_not_passed_over(bound: ErrorBound, tmp_path: Path) -> None:
    _cut(tmp_path / "weights.bound", bound)
    with pytest.raises(CheckpointError, match=r"weights\.bound"):
        calibration_beside(tmp_path / "weights.safetensors", SHA)


def test_bundled_bounds_belong_to_their_weights() -> None:
    bounds = [path.with_suffix(SUFFIX) for path in bundled_checkpoints().values() if path.with_suffix(SUFFIX).is_file()]
    for path in bounds:
        weights = path.with_suffix(".safetensors")
        found = calibration_beside(weights, checkpoint_sha256(weights))
        assert found.note == "" and found.facts["coverage"] == COVERAGE
        assert set(ErrorBound.read(path).names)
