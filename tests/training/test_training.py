"""Training: what may be learned from, the loop, and going on after an interruption."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.cli.command import call, start
from wsi_refocus.errors import CheckpointError, TrainingError, UsageError
from wsi_refocus.network.checkpoint import save_checkpoint
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.unet import Unet, UnetConfig
from wsi_refocus.training import fields
from wsi_refocus.training.config import TrainingSettings, bundled_settings, load_settings
from wsi_refocus.training.fit import fit, start_network
from wsi_refocus.training.manifest import Entry, read_manifest, training_entries
from wsi_refocus.training.muon import Muon, orthogonal
from wsi_refocus.training.patches import Batch, draw_batch

Settings = Callable[[Path, int], TrainingSettings]


@pytest.fixture(autouse=True, scope="module")
def few_fields() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fields, "CHUNK", 2)
        yield


SMALL = {"width": 8, "growth": 4, "dilations": (1, 2), "context": 8, "context_dilations": (1,)}


def _settings(manifest: Path, output: Path, steps: int) -> TrainingSettings:
    return TrainingSettings(
        manifest=str(manifest), output=str(output), steps=steps, batch=2, patch=64, every=2, workers=0, threads=1,
        validation_share=0.3, fields=4, config=SMALL,
        device="cpu", validation_fields=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def simulated(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What trainings learn from and are validated on: it takes longest, and is the same for all."""
    folder = tmp_path_factory.mktemp("simulated")
    fit(_settings(manifest, folder, 1))
    return folder


@pytest.fixture
def settings(manifest: Path, simulated: Path) -> Settings:
    """Settings of a training whose fields are there."""

    def made(output: Path, steps: int) -> TrainingSettings:
        for name in ("fields", "validation"):
            shutil.copytree(simulated / name, output / name, dirs_exist_ok=True)
        return _settings(manifest, output, steps)

    return made


def test_nothing_of_the_test_split_reaches_training(manifest: Path) -> None:
    entries = read_manifest(manifest)
    train, held_out = training_entries(entries, 0.3)
    assert {entry.split for entry in train + held_out} == {"train"}
    assert not {entry.group for entry in train} & {entry.group for entry in held_out}
    assert len(train) + len(held_out) == sum(entry.split == "train" for entry in entries)
    black = {str(entry.path) for entry in entries if entry.split == "test"}
    assert not black & {str(entry.path) for entry in train + held_out}


def test_a_group_in_two_splits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("file,group,mpp,split\na.png,one,0.5,train\nb.png,one,0.5,test\n")
    with pytest.raises(UsageError, match="one"):
        read_manifest(path)


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="too few groups"):
        training_entries([Entry(Path("a.png"), "one", 0.5, "train")], 0.5)


def test_no_pixel_of_the_test_split_is_in_a_field(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its images are black, and black sections would show in the truth."""
    monkeypatch.setattr(fields, "SMEARS", 0.0)
    train, _ = training_entries(read_manifest(manifest), 0.3)
    for shots, _, _ in fields.each_field(fields.simulated_fields(train, tmp_path, 6, Guesses(), 0, 0)):
        assert shots[2].mean() > 60


def test_a_training_that_was_interrupted_ends_as_one_that_was_not(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def draw_four(*arguments: Any, **options: Any) -> Batch:
        drawn.append(arguments)
        if len(drawn) > 4:
            raise KeyboardInterrupt
        return draw_batch(*arguments, **options)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("wsi_refocus.training.fit.draw_batch", draw_four)
        fit(settings(tmp_path / "two", 6))
    resumed = fit(settings(tmp_path / "two", 6))
    at_once = fit(settings(tmp_path / "one", 6))
    rows = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert all(np.isfinite(row["loss"]) for row in rows)
    for name, value in at_once.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)
    assert any(torch.any(value != 0) for name, value in resumed.state_dict().items() if name == "head.weight")


@pytest.mark.parametrize(
    ("architecture", "loss", "precision"),
    [
        ("tsva", "mse", "float32"),
        pytest.param("unet", "relative", "bfloat16", marks=pytest.mark.long),
        pytest.param("burst", "psnr", "float32", marks=pytest.mark.long),
    ],
)
def test_the_papers_networks_train_too(
    manifest: Path, tmp_path: Path, architecture: str, loss: str, precision: str
) -> None:
    settings = _settings(manifest, tmp_path, 2).model_copy(
        update={"architecture": architecture, "config": {"width": 4, "depth": 2}, "loss": loss, "precision": precision}
    )
    network = fit(settings)
    assert all(torch.isfinite(value).all() for value in network.parameters())
    assert torch.any(network.head.weight != 0)


def test_the_same_seed_draws_the_same_patches(manifest: Path, simulated: Path) -> None:
    train, _ = training_entries(read_manifest(manifest), 0.3)
    files = fields.simulated_fields(train, simulated / "fields", 4, Guesses(), 0, 0)
    one, other, third = (draw_batch(files, 3, 64, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(one.candidates, other.candidates)
    assert torch.equal(one.truth, other.truth)
    assert not torch.equal(one.truth, third.truth)


def test_fields_are_simulated_once(manifest: Path, tmp_path: Path) -> None:
    train, _ = training_entries(read_manifest(manifest), 0.3)
    files = fields.simulated_fields(train, tmp_path, 2, Guesses(), 7, 0)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    again = fields.simulated_fields(train, tmp_path, 2, Guesses(), 7, 0)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert np.array_equal(files[0].shots, again[0].shots)
    others = fields.simulated_fields(train, tmp_path, 2, Guesses((0.0,)), 7, 0)
    assert others[0].candidates.shape[1] == 1


def test_the_control_simulates_no_phase(manifest: Path, tmp_path: Path) -> None:
    """By eq. 1 the mean of a field is that of its truth, whichever side of focus it is seen from."""
    train, _ = training_entries(read_manifest(manifest), 0.3)
    spread = []
    for simulation in ("planar", "full"):
        files = fields.simulated_fields(train, tmp_path, 4, Guesses((0.0,)), 7, 0, simulation)
        means = np.concatenate([file.shots for file in files]).astype(float).mean(axis=(2, 3, 4))
        spread.append(np.ptp(means, axis=1).max())
    assert spread[0] < 1.5 < spread[1]


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_what_was_learned(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def draw_a_bad_third(*arguments: Any, **options: Any) -> Batch:
        drawn.append(arguments)
        batch = draw_batch(*arguments, **options)
        return replace(batch, truth=batch.truth * torch.nan) if len(drawn) == 3 else batch

    with monkeypatch.context() as patched, pytest.raises(TrainingError, match="step 3"):
        patched.setattr("wsi_refocus.training.fit.draw_batch", draw_a_bad_third)
        fit(settings(tmp_path, 4))
    network = fit(settings(tmp_path, 4))
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [2, 4]
    assert all(torch.isfinite(value).all() for value in network.parameters())


def test_training_ends_early_when_nothing_improves(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([30.0, 29.0, 28.0, 27.0, 26.0])
    monkeypatch.setattr("wsi_refocus.training.fit.validate", lambda *_: {"network": next(scores)})
    fit(settings(tmp_path, 10).model_copy(update={"patience": 2}))
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [2, 4, 6]


def test_muon_takes_orthogonal_steps() -> None:
    torch.manual_seed(0)
    for shape in ((8, 40), (40, 8)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.6
        assert values.max() < 1.3


def test_muon_finds_a_linear_map() -> None:
    torch.manual_seed(0)
    wanted, found = torch.randn(6, 10), torch.zeros(6, 10, requires_grad=True)
    optimiser = Muon([found], 0.05)
    shares = []
    for _ in range(200):
        loss = ((found - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        shares.append(float(loss.detach()))
    assert shares[-1] < 0.02 * shares[0]


@pytest.mark.long
def test_a_training_goes_on_after_it_was_killed(manifest: Path, tmp_path: Path) -> None:
    """The command, killed after its first validation, ends with the weights of one that was left alone."""
    config = tmp_path / "tiny.toml"
    config.write_text(
        f'manifest = "{manifest}"\nsteps = 40\nbatch = 2\npatch = 64\nevery = 4\nworkers = 0\nthreads = 1\n'
        'validation_share = 0.3\nfields = 2\nvalidation_fields = 1\ndevice = "cpu"\noptimiser = "adam"\n'
        'architecture = "unet"\nconfig = { width = 2, depth = 1 }\n'
    )
    arguments = ["train", config, "--quiet", "--output"]
    process = start([*arguments, tmp_path / "killed"])
    log = tmp_path / "killed" / "state.safetensors"
    deadline = time.monotonic() + 200
    while not log.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert log.exists()
    shutil.copytree(tmp_path / "killed" / "fields", tmp_path / "whole" / "fields")
    shutil.copytree(tmp_path / "killed" / "validation", tmp_path / "whole" / "validation")
    for name in ("killed", "whole"):
        done = call(*arguments, tmp_path / name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    killed, whole = (load_file(tmp_path / name / "unet.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
    assert "validated on" in (tmp_path / "whole" / "unet.md").read_text()


def test_bundled_settings_are_good(manifest: Path) -> None:
    names = bundled_settings()
    assert {"paper", "tsva-lite", "tsva-w16", "unet-w16"} <= names.keys()
    for name in names:
        start_network(load_settings(name, {"manifest": str(manifest), "output": "out"}))
    paper = load_settings("paper", {"manifest": str(manifest), "output": "out"})
    assert (paper.batch, paper.patch, paper.learning_rate, paper.loss) == (20, 224, 5e-4, "mse")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"patch": 512}, "does not fit a field"),
        ({"colour": 1}, "colour"),
        ({"precision": "float16", "device": "cpu"}, "float16"),
        ({"architecture": "gan"}, "architecture"),
    ],
)
def test_settings_that_cannot_be_are_refused(manifest: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_settings("tsva-lite", {"manifest": str(manifest), "output": "out", **changes})


def test_a_checkpoint_of_another_network_is_refused(manifest: Path, tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "u", Unet(UnetConfig(2, 1)), ModelCard("", "", ""))
    with pytest.raises(CheckpointError, match="no tsva-lite"):
        fit(_settings(manifest, tmp_path, 2).model_copy(update={"start": str(path)}))


def test_missing_and_damaged_images_are_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("file,group,mpp,split\na.png,one,0.5,train\n")
    with pytest.raises(UsageError, match=r"a\.png"):
        read_manifest(path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"a\.png"):
        read_manifest(path)[0].read()


def test_bad_settings_are_refused_before_the_first_step(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('manifest = "m.csv"\noutput = "out"\nbatch = 0\n')
    with pytest.raises(UsageError, match="batch"):
        load_settings(path)
    with pytest.raises(UsageError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")
