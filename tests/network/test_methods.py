import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.network.networks import random_tsva
from wsi_refocus.errors import CheckpointError, UsageError
from wsi_refocus.methods import (
    MethodSpec,
    available,
    device_count,
    is_trained,
    make_method,
    resolve_device,
    uses_profile,
)
from wsi_refocus.network.checkpoint import checkpoint_sha256, save_checkpoint
from wsi_refocus.network.model_card import ModelCard


@pytest.fixture
def checkpoint(tmp_path):
    return str(save_checkpoint(tmp_path / "small", random_tsva(), ModelCard("", "", "CC0-1.0")))


def test_methods_are_listed_with_one_line_each():
    listed = dict(available())
    assert {"tsva", "sharpest", "mean"} <= listed.keys()
    assert all(line and "\n" not in line for line in listed.values())


def test_the_documentation_names_every_method():
    page = Path(__file__).parents[2] / "docs" / "methods.md"
    assert re.findall(r"^\| `([\w-]+)`", page.read_text(), re.MULTILINE) == [name for name, _ in available()]


WITHOUT_WEIGHTS = [name for name, _ in available() if not is_trained(name)]


@pytest.mark.parametrize("name", ["tsva-lite", "tsva", *WITHOUT_WEIGHTS])
def test_every_method_keeps_the_protocol(name, checkpoint):
    method = make_method(MethodSpec(name, checkpoint if name.startswith("tsva") else None))
    sharper, other = np.random.default_rng(0).integers(0, 256, (2, 2, 256, 512, 3), dtype=np.uint8)
    restored = method.restore(sharper, other)
    assert method.name == name
    assert method.halo % method.stride == 0
    assert method.batch >= 1
    assert method.checkpoint_sha256 == (checkpoint_sha256(checkpoint) if name.startswith("tsva") else None)
    assert restored.shape == sharper.shape
    assert restored.dtype in (np.uint8, np.float32)
    assert restored.min() >= 0
    assert restored.max() <= 255


def test_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'magic'.*tsva, unet.*mean, sharpest") as caught:
        make_method(MethodSpec("magic"))
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="magic"):
        resolve_device("auto", "magic")


def test_weights_for_a_method_without_weights_are_refused(checkpoint):
    with pytest.raises(UsageError, match="no weights"):
        make_method(MethodSpec("mean", checkpoint))


@pytest.mark.parametrize("name", [name for name, _ in available()])
def test_a_profile_is_read_or_refused(name):
    with pytest.raises(UsageError, match=r"absent\.json" if uses_profile(name) else "uses no optics profile"):
        make_method(MethodSpec(name, profile="absent.json"))


def test_checkpoint_that_is_not_there_is_refused():
    with pytest.raises(CheckpointError, match=r"absent\.safetensors"):
        make_method(MethodSpec("tsva", "absent.safetensors"))


def test_devices_are_settled():
    assert resolve_device("cpu", "tsva") == "cpu"
    assert resolve_device("auto", "mean") == "cpu"
    assert resolve_device("auto", "tsva") == ("cuda" if device_count() else "cpu")


def test_device_that_a_method_cannot_use_is_refused():
    with pytest.raises(UsageError, match="CPU only"):
        resolve_device("cuda", "mean")
    with pytest.raises(UsageError, match="CPU only"):
        make_method(MethodSpec("sharpest", None, "cuda:0"))


def test_gpu_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="cuda:4711"):
        resolve_device("cuda:4711", "tsva")


def test_torch_is_imported_only_for_methods_that_need_it():
    code = (
        "import sys; from wsi_refocus.methods import *; available(); resolve_device('auto', 'mean');"
        "make_method(MethodSpec('mean')); make_method(MethodSpec('sharpest'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
