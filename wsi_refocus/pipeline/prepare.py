"""What is settled before a run begins: the slide, its tissue, its plane pair, the method and the output's layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wsi_refocus import __version__
from wsi_refocus.config import RunSettings
from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.methods import MethodSpec, MethodTraits, ShotGeometry, is_trained, weights_of
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.optics.profile import profile_sha256
from wsi_refocus.pairing.planes import DEFAULT_DEFOCUS_OFFSET_UM, PlanePair, choose_pair
from wsi_refocus.pipeline.measure import KEEPING_METHODS
from wsi_refocus.pipeline.place import place_of
from wsi_refocus.pipeline.record import View, run_identity
from wsi_refocus.slide.open import SlideSpec, require_mpp
from wsi_refocus.slide.same_tissue import require_same_tissue
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.slide.thumbnail import thumbnail
from wsi_refocus.storage.urls import is_remote
from wsi_refocus.tiling.tissue import TissueMask, full, tissue_mask
from wsi_refocus.trust.bound import Calibration, calibration_beside
from wsi_refocus.trust.judge import TrustSpec
from wsi_refocus.trust.limits import Limits

logger = logging.getLogger(__name__)

SUFFIX = ".refocused.ome.zarr"


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is ready to begin.

    Attributes
    ----------
    view : View
        The two-shot slide, and the part of it.
    source : SlideSource
        The same, open.
    tissue : TissueMask
        Where its tissue is.
    pair : PlanePair
        Its two shots.
    method : MethodSpec
        What restores it.
    checkpoint_sha256 : str or None
        Hash of the method's weights.
    trust : TrustSpec or None
        How its tiles are judged; None if they are not.
    calibration : Calibration
        The calibrated bound of its weights, or why there is none.
    layout : StoreLayout
        The output's arrays.
    identity : str
        Hash of everything that decides the result.
    """

    view: View
    source: SlideSource
    tissue: TissueMask
    pair: PlanePair
    method: MethodSpec
    checkpoint_sha256: str | None
    trust: TrustSpec | None
    calibration: Calibration
    layout: StoreLayout
    identity: str


FINEST_MPP, COARSEST_MPP = 0.2, 0.55
"""µm per pixel that the bundled network was trained for."""


def view_of(slide: str, second: str | None, settings: RunSettings, copies: Mapping[str, str] | None = None) -> View:
    """Name the slide and the part of it that settings ask for.

    Two files of unknown heights are put in the order of their content, so that the result does not depend on
    the order in which they are named.

    Parameters
    ----------
    slide, second, settings
        As of a run.
    copies
        Where the bytes of each file are read instead, by the file.
    """
    paths = [slide] if second is None else [slide, second]
    if second is not None and settings.z_um is None:
        prints = {path: _spec([path], copies).fingerprint() for path in paths}
        paths.sort(key=lambda path: prints[path])
    region = None if settings.region is None else Region(*settings.region)
    spec = replace(_spec(paths, copies), mpp=settings.mpp, z_um=settings.z_um)
    return View(spec, settings.level, region, settings.resample)


def _spec(paths: Sequence[str], copies: Mapping[str, str] | None) -> SlideSpec:
    return SlideSpec(tuple(paths), copies=None if copies is None else tuple(copies[path] for path in paths))


def look(source: SlideSource, settings: RunSettings) -> tuple[TissueMask, PlanePair]:
    """Find the tissue of a slide and choose its plane pair.

    Raises
    ------
    PlanePairError
        If there are no two planes to choose, or two files show different tissue.
    """
    info = source.info
    for note in info.notes:
        logger.warning("%s", note)
    require_same_tissue(source)
    tissue = full(info.size)
    if settings.tissue_mask:
        tissue = tissue_mask(thumbnail(source, info.planes[0].index), info.size)
    pair = choose_pair(source, tissue, planes=settings.planes, defocus_offset_um=settings.defocus_offset_um)
    logger.info("planes %d and %d: %s", pair.first, pair.second, pair.reason)
    return tissue, pair


def prepare(
    view: View, source: SlideSource, settings: RunSettings, described: Callable[[MethodSpec], MethodTraits]
) -> Job:
    """Settle everything that a run needs, and refuse what cannot work, before anything is written.

    Parameters
    ----------
    view, source
        The slide, and the same, open.
    settings
        Settings of the run.
    described
        Tells of a method, which need not be made in this process.

    Raises
    ------
    SlideError
        If the slide has no mpp or no two usable planes.
    UsageError
        If the method is unknown, the device is missing or the tile does not suit the method.
    CheckpointError
        If the weights cannot be used.
    """
    mpp = require_mpp(source.info)
    device = place_of(settings).device
    tissue, pair = look(source, settings)
    shots = ShotGeometry(pair.defocus_offset_um or DEFAULT_DEFOCUS_OFFSET_UM, (mpp[0] + mpp[1]) / 2)
    spec = method_of(settings, device, shots)
    method = described(spec)
    _check_tile(settings.tile, method)
    if (method.by_height or settings.phase) and pair.defocus_offset_um is None:
        logger.warning(
            "the heights of the two planes are unknown; %s assumes that they lie %g µm apart (give --z)",
            spec.name if method.by_height else "the phase map",
            2 * shots.offset_um,
        )
    if not FINEST_MPP <= shots.mpp <= COARSEST_MPP and is_trained(settings.method):
        logger.warning(
            "the bundled networks were trained for %g to %g µm per pixel, and this level has %.3g; check the result, "
            "choose another --level or --method joint, or let it be resampled (--resample %g)",
            FINEST_MPP,
            COARSEST_MPP,
            shots.mpp,
            FINEST_MPP if shots.mpp < FINEST_MPP else COARSEST_MPP,
        )
    trust, calibration = _trust_of(settings, spec, method)
    layout = StoreLayout(source.info.size, mpp, settings.ngff, settings.compressor)
    identity = run_identity(
        source.info.fingerprint,
        settings,
        {
            "checkpoint": method.checkpoint_sha256,
            "profile": profile_sha256(spec.profile),
            "device": device,
            "bound": calibration.sha256,
            "version": __version__,
        },
    )
    return Job(view, source, tissue, pair, spec, method.checkpoint_sha256, trust, calibration, layout, identity)


def _trust_of(settings: RunSettings, spec: MethodSpec, method: MethodTraits) -> tuple[TrustSpec | None, Calibration]:
    """How tiles are judged, and by which calibration; a missing one is said."""
    if settings.policy == "off":
        return None, Calibration(note="tiles were not judged (--policy off)")
    if spec.name in KEEPING_METHODS:
        return None, Calibration(note=f"the method {spec.name} gives back what was captured")
    calibration = Calibration(note=f"the method {spec.name} has no weights, so there is no calibrated bound for it")
    if is_trained(spec.name):
        calibration = calibration_beside(weights_of(spec), method.checkpoint_sha256)
        if calibration.sha256 is None:
            logger.warning("%s: tiles are judged by the limits of the evidence alone", calibration.note)
    limits = Limits().changed(settings.limits)
    return TrustSpec(settings.policy, settings.uncertainty, limits, calibration.sha256), calibration


def method_of(settings: RunSettings, device: str, shots: ShotGeometry | None = None) -> MethodSpec:
    """How to make the method that settings ask for, on a device that was settled on; in any process."""
    return MethodSpec(
        settings.method,
        settings.checkpoint,
        device,
        shots or ShotGeometry(),
        _absolute(settings.profile),
        precision=settings.precision,
    )


def _absolute(path: str | None) -> str | None:
    """Path that means the same to workers that were started elsewhere."""
    return None if path is None else str(Path(path).absolute())


def _check_tile(tile: int, method: MethodTraits) -> None:
    if tile % method.stride:
        raise UsageError(f"--tile {tile} is not a multiple of {method.stride}, the stride of {method.name}")


def default_output(slide: str) -> Path:
    """Folder beside the slide: ``NAME.refocused.ome.zarr``.

    Raises
    ------
    SlideError
        If the slide is remote, so that there is no place beside it.
    """
    if is_remote(slide):
        raise SlideError(f"{slide}: a remote slide has no folder to write to; name the output with -o")
    name = Path(slide).name
    for suffix in (".ome.tiff", ".ome.tif", ".ome.zarr", Path(name).suffix):
        if suffix and name.lower().endswith(suffix.lower()):
            name = name[: -len(suffix)]
            break
    return Path(slide).parent / (name + SUFFIX)
