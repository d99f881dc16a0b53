"""Mutated checkpoints, bounds, profiles and manifests."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.conftest import QUICK
from tests.fuzz.mutations import changed_bytes, changed_json
from tests.fuzz.test_slides import refused_at_most
from tests.network.networks import random_tsva
from wsi_refocus.network.checkpoint import load_network, read_checkpoint_info, save_checkpoint
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.tsva import TsvaConfig
from wsi_refocus.network.zoo import FOLDER
from wsi_refocus.optics.profile import FORMAT, OpticsProfile
from wsi_refocus.training.manifest import read_manifest
from wsi_refocus.trust.bound import ErrorBound

HEADER = 2000
"""Bytes at the start of a safetensors file that hold its header, about."""


def safetensors_with(content: bytes, metadata: dict[str, str]) -> bytes:
    """The same weights under other metadata."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length]) | {"__metadata__": metadata}
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + content[8 + length :]


@pytest.mark.parametrize("kind", ["checkpoint", "bound"])
@pytest.mark.parametrize("how", ["bytes", "metadata"])
def test_safetensors(kind: str, how: str, tmp_path: Path) -> None:
    if kind == "checkpoint":
        network = random_tsva(TsvaConfig(width=1, depth=1))
        sound = save_checkpoint(tmp_path / "sound", network, ModelCard("a", "b", "c")).read_bytes()
    else:
        sound = (FOLDER / "tsva-lite.bound").read_bytes()
    length = int.from_bytes(sound[:8], "little")
    ((key, text),) = json.loads(sound[8 : 8 + length])["__metadata__"].items()
    file = tmp_path / "file.safetensors"
    file.write_bytes(safetensors_with(sound, {key: text}))
    load_network(file) if kind == "checkpoint" else ErrorBound.read(file)

    @QUICK
    @given(st.data())
    def read_one(data: st.DataObject) -> None:
        if how == "bytes":
            file.write_bytes(data.draw(changed_bytes(sound, within=HEADER)))
        else:
            file.write_bytes(safetensors_with(sound, {key: json.dumps(data.draw(changed_json(json.loads(text))))}))
        for reader in (read_checkpoint_info, load_network) if kind == "checkpoint" else (ErrorBound.read,):
            with refused_at_most():
                reader(file)

    read_one()


def test_optics_profiles(tmp_path: Path) -> None:
    sound: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **asdict(OpticsProfile())}))
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(sound))
    assert OpticsProfile.read(file) == OpticsProfile()

    @QUICK
    @given(st.one_of(changed_json(sound).map(json.dumps).map(str.encode), changed_bytes(json.dumps(sound).encode())))
    def read_one(content: bytes) -> None:
        file.write_bytes(content)
        with refused_at_most():
            OpticsProfile.read(file)

    read_one()


@pytest.mark.parametrize("text", ["file,group,mpp,split\na.png,g\n", "file,group,mpp,split\n\0\n", "\ufeff", '"'])
def test_manifests_of_images(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with refused_at_most():
        read_manifest(tmp_path / "manifest.csv")
