import pytest

from tests.network.networks import random_tsva
from wsi_refocus.errors import CheckpointError
from wsi_refocus.network import zoo
from wsi_refocus.network.checkpoint import load_network, read_checkpoint_info, save_checkpoint
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.zoo import DEFAULT, bundled_checkpoints, default_checkpoint, find_checkpoint


def test_bundled_checkpoints_load_and_say_where_they_come_from():
    bundled = bundled_checkpoints()
    assert DEFAULT in bundled
    for path in bundled.values():
        load_network(path)
        card = read_checkpoint_info(path).card
        assert card.data
        assert card.licence
        assert path.with_suffix(".md").exists()


def test_checkpoints_are_found_by_name_and_by_path(tmp_path):
    assert find_checkpoint(DEFAULT) == default_checkpoint() == find_checkpoint(default_checkpoint())
    own = save_checkpoint(tmp_path / "own", random_tsva(), ModelCard("", "", "CC0-1.0"))
    assert find_checkpoint(str(own)) == own


def test_unknown_checkpoint_is_refused_with_the_known_names():
    with pytest.raises(CheckpointError, match=f"no-such-net.*{DEFAULT}"):
        find_checkpoint("no-such-net")


def test_installation_without_weights_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=f"{DEFAULT}.safetensors are not installed"):
        default_checkpoint()
