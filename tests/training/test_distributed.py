"""Training by several processes: as one would, only that each does a share."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

_CONFIG = """manifest = "{manifest}"
steps = 4
batch = {batch}
patch = 64
every = 2
workers = 0
threads = 1
validation_share = 0.3
fields = 2
validation_fields = 1
device = "cpu"
config = {{ width = 8, growth = 4, dilations = [1, 2], context = 8, context_dilations = [1] }}
"""


def _config(manifest: Path, folder: Path, batch: int = 4) -> Path:
    path = folder / "tiny.toml"
    path.write_text(_CONFIG.format(manifest=manifest, batch=batch))
    return path


def _train(config: Path, output: Path, processes: int) -> subprocess.CompletedProcess[str]:
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launch, "-m", "wsi_refocus_cli", "train", str(config), "--output", str(output)]
    return subprocess.run(command, capture_output=True, text=True, timeout=250)


@pytest.mark.long
def test_two_processes_find_the_weights_of_one(manifest: Path, tmp_path: Path) -> None:
    config = _config(manifest, tmp_path)
    outputs = [tmp_path / "one", tmp_path / "two"]
    for processes, output in enumerate(outputs, start=1):
        done = _train(config, output, processes)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("tsva-lite.safetensors") == 1
    one, two = (load_file(output / "tsva-lite.safetensors") for output in outputs)
    assert any(torch.any(value != 0) for name, value in one.items() if name.startswith("head"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=2e-5)
    logs = [[json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()] for output in outputs]
    assert [row["step"] for row in logs[1]] == [2, 4]
    assert logs[1][-1]["loss"] == pytest.approx(logs[0][-1]["loss"], rel=1e-3)


def test_a_batch_that_cannot_be_shared_is_refused(manifest: Path, tmp_path: Path) -> None:
    done = _train(_config(manifest, tmp_path, batch=3), tmp_path / "out", 2)
    assert done.returncode != 0
    assert "cannot be shared by 2 processes" in done.stderr
    assert not (tmp_path / "out" / "fields").exists()
