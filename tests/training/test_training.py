"""Training: what may be learned from, the loop, and going on after an interruption."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wsi_refocus.errors import UsageError
from wsi_refocus.training.config import TrainingSettings, load_settings
from wsi_refocus.training.fit import fit
from wsi_refocus.training.manifest import Entry, read_manifest, training_entries
from wsi_refocus.training.patches import PatchStream


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of six groups; those of the test split are all black, so that they betray themselves."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    lines = ["file,group,mpp,split"]
    for number in range(24):
        group, split = number // 2, "test" if number // 2 % 3 == 2 else "train"
        blobs = generator.integers(90, 250, (33, 33, 3), dtype=np.uint8)
        pixels = np.kron(blobs, np.ones((8, 8, 1), np.uint8)) if split == "train" else np.zeros((264, 264, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png,case-{group},0.25,{split}")
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines))
    return path


def _settings(manifest: Path, output: Path, steps: int) -> TrainingSettings:
    return TrainingSettings(
        manifest=str(manifest), output=str(output), steps=steps, batch=2, patch=64, every=2, workers=0, threads=1,
        validation_share=0.3, config={"width": 8, "growth": 4, "dilations": (1, 2)},
    )  # fmt: skip


def test_nothing_of_the_test_split_reaches_training(manifest: Path) -> None:
    entries = read_manifest(manifest)
    train, held_out = training_entries(entries, 0.3)
    assert {entry.split for entry in train + held_out} == {"train"}
    assert not {entry.group for entry in train} & {entry.group for entry in held_out}
    assert len(train) + len(held_out) == sum(entry.split == "train" for entry in entries)
    for _, _, truth in itertools.islice(PatchStream(train, 64, 0), 60):
        assert truth.float().mean() > 60


def test_a_group_in_two_splits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("file,group,mpp,split\na.png,one,0.5,train\nb.png,one,0.5,test\n")
    with pytest.raises(UsageError, match="one"):
        read_manifest(path)


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="too few groups"):
        training_entries([Entry(Path("a.png"), "one", 0.5, "train")], 0.5)


def test_training_learns_and_goes_on_where_it_stopped(manifest: Path, tmp_path: Path) -> None:
    fit(_settings(manifest, tmp_path, 4))
    network = fit(_settings(manifest, tmp_path, 6))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert all(np.isfinite(row["loss"]) for row in rows)
    assert any(torch.any(value != 0) for name, value in network.state_dict().items() if name.startswith("head"))


def test_bad_settings_are_refused_before_the_first_step(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('manifest = "m.csv"\noutput = "out"\nbatch = 0\n')
    with pytest.raises(UsageError, match="batch"):
        load_settings(path)
    with pytest.raises(UsageError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")
