"""The bundled network is shown less around a tile than it can reach: the rest changes less than a grey level."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.methods import MethodSpec, ShotGeometry, make_method
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.network.receptive_field import measure_receptive_field
from wsi_refocus.slide.open import SlideSpec

SAMPLE = Path(__file__).parents[2] / "sample_slides" / "cmu-1-two-shot.ome.tiff"
WHOLE, BORDER = 640, 256
"""Edge of the picture, and where in it a tile begins; tile and picture end together."""


def test_what_lies_beyond_the_halo_changes_less_than_a_grey_level() -> None:
    with SlideSpec((str(SAMPLE),)).open() as source:
        planes = [source.read_region(plane, 0, Region(512, 512, WHOLE, WHOLE)) for plane in (0, 1)]
    method = make_method(MethodSpec("tsva-lite", shots=ShotGeometry(1.5, 0.5)))
    assert isinstance(method, NetworkMethod)
    possible = measure_receptive_field(method.network).halo
    assert method.halo < possible < BORDER
    start = BORDER - method.halo
    tile = method.restore(*(plane[np.newaxis, start:, start:] for plane in planes))[0, method.halo :, method.halo :]
    inner = slice(0, WHOLE - BORDER - possible)  # the other border of both is the picture's
    there = slice(BORDER, WHOLE - possible)
    assert np.abs(tile[inner, inner] - _untiled(method, planes)[there, there]).max() < 0.5


def _untiled(method: NetworkMethod, planes: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """All of the picture by the network itself, in grey levels."""
    shots = [torch.from_numpy(plane).permute(2, 0, 1)[None] / 255 for plane in planes]
    with torch.inference_mode():
        made: NDArray[np.float32] = method.network(*shots)[0].permute(1, 2, 0).mul(255).numpy()
    return made.clip(0, 255)
