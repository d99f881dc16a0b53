import json
import pickle
import resource

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tests.network.networks import SharperPlus, random_tsva
from wsi_refocus.errors import CheckpointError, OutputError
from wsi_refocus.network.checkpoint import (
    checkpoint_sha256,
    load_network,
    read_checkpoint_info,
    save_checkpoint,
)
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.network.lite import LiteConfig, TsvaLite
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.tsva import Tsva, TsvaConfig

CARD = ModelCard(
    summary="Fuses two shots.",
    data="Random numbers.",
    licence="CC0-1.0",
    training={"optimiser": "none"},
    results={"PSNR": "7 | 8 dB"},
    limits="Good for nothing.",
)


@pytest.fixture
def network() -> Tsva:
    return random_tsva(TsvaConfig(width=4, depth=2))


@pytest.fixture
def checkpoint(tmp_path, network):
    return save_checkpoint(tmp_path / "small.safetensors", network, CARD)


def rewritten(path, **changes):
    """The same weights under a header with changes."""
    header = {
        "format_version": "1",
        "architecture": "tsva",
        "config": {"width": 4, "depth": 2},
        "card": {"summary": "", "data": "", "licence": ""},
    }
    weights = load_file(path)
    save_file(weights, path, {"wsi_refocus": json.dumps(header | changes)})
    return path


def refusal(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_network(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.exit_code == 3
    return message


def test_what_is_saved_is_loaded(checkpoint, network):
    loaded = load_network(checkpoint)
    shots = torch.rand(2, 1, 3, 16, 16)
    assert not loaded.training
    assert loaded.config == network.config
    assert torch.equal(loaded(*shots), network(*shots))


def test_lite_network_is_saved_and_loaded(tmp_path):
    network = TsvaLite(LiteConfig(guesses=Guesses((-1.0, 1.0), condenser_ratio=0.6))).eval()
    loaded = load_network(save_checkpoint(tmp_path / "lite", network, CARD))
    shots, candidates = torch.rand(2, 1, 3, 32, 32), torch.rand(1, 2, 3, 32, 32)
    assert isinstance(loaded, TsvaLite)
    assert loaded.config == network.config
    assert torch.equal(loaded(*shots, candidates), network(*shots, candidates))


def test_others_may_read_what_is_written(checkpoint):
    plain = checkpoint.with_name("plain")
    plain.touch()
    assert checkpoint.stat().st_mode == plain.stat().st_mode


def test_header_and_card_tell_what_is_in_the_file(checkpoint):
    info = read_checkpoint_info(checkpoint)
    assert (info.architecture, info.config["width"], info.card) == ("tsva", 4, CARD)
    text = checkpoint.with_suffix(".md").read_text()
    for told in (
        "# small",
        "Random numbers.",
        "CC0-1.0",
        "optimiser",
        "7 \\| 8 dB",
        checkpoint_sha256(checkpoint),
    ):
        assert told in text


def test_only_the_two_files_are_left(checkpoint):
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == ["small.md", "small.safetensors"]


def test_missing_file_is_refused(tmp_path):
    assert ".safetensors" in refusal(tmp_path / "absent.safetensors")


def test_folder_is_refused(tmp_path):
    refusal(tmp_path)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy pickle"])
def test_pickled_networks_are_never_opened(tmp_path, network, legacy):
    path = tmp_path / "model.safetensors"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    assert "pickle" in refusal(path)


def test_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Trap()))
    assert "pickle" in refusal(path)
    assert not tmp_path.joinpath("sprung").exists()


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, 0.99])
def test_truncated_checkpoints_are_refused(checkpoint, kept):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    message = refusal(checkpoint)
    assert "truncated" in message or "cut off" in message


def test_text_is_refused(tmp_path):
    path = tmp_path / "notes.safetensors"
    path.write_text("these are no weights, but a file of text")
    assert "no safetensors" in refusal(path)


def test_weights_of_another_program_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.rand(3, 3, 3, 3)}, path)
    assert "another program" in refusal(path)


def test_unknown_architecture_is_refused(checkpoint):
    assert "another architecture (gan)" in refusal(rewritten(checkpoint, architecture="gan"))


def test_weights_of_another_architecture_are_refused(checkpoint):
    assert "do not fit" in refusal(rewritten(checkpoint, architecture="tsva-lite", config={}))


def test_weights_of_another_width_are_refused(checkpoint):
    assert "instead of" in refusal(rewritten(checkpoint, config={"width": 8, "depth": 2}))


@pytest.mark.parametrize(
    "config",
    [{"width": 10**9}, {"depth": 60}, {"width": -1}, {"width": "wide"}, {"girth": 3}, {"width": [4] * 2000}],
)
def test_hostile_configurations_are_refused(checkpoint, config):
    assert "configuration" in refusal(rewritten(checkpoint, config=config))


def test_memory_is_bounded_by_the_file_and_not_by_its_header(checkpoint):
    # the largest network within the limits has 700 million weights: allocating it would be noticed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "do not fit" in refusal(rewritten(checkpoint, config={"width": 256, "depth": 6}))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("changes", [{"config": 3}, {"card": {"summary": 1}}, {"card": []}])
def test_damaged_headers_are_refused(checkpoint, changes):
    assert "header" in refusal(rewritten(checkpoint, **changes))


def test_other_format_versions_are_refused(checkpoint):
    assert "format 2" in refusal(rewritten(checkpoint, format_version="2"))


def test_weights_that_are_not_finite_are_refused(tmp_path, network):
    nn.init.constant_(network.head.bias, torch.nan)
    assert "finite" in refusal(save_checkpoint(tmp_path / "diverged", network, CARD))


def test_network_of_no_known_architecture_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="architectures"):
        save_checkpoint(tmp_path / "odd", SharperPlus(nn.Identity()), CARD)
    assert not list(tmp_path.iterdir())


def test_folder_that_is_not_there_is_named(tmp_path, network):
    with pytest.raises(OutputError, match="absent"):
        save_checkpoint(tmp_path / "absent" / "small", network, CARD)
