"""Methods that compute with torch: networks, and the inversion of two shots."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wsi_refocus.errors import CheckpointError, UsageError
from wsi_refocus.methods.protocol import Method, MethodSpec, ShotGeometry

if TYPE_CHECKING:
    from wsi_refocus.network.dual_plane import DualPlaneFilters, Guesses
    from wsi_refocus.optics.inversion import Unknown
    from wsi_refocus.optics.profile import OpticsProfile

PHASE_RANGE = 1.5
"""Phase in radians that is shown as white."""
PHASE_ZERO = 128
"""Grey level of no phase."""


def make_trained(spec: MethodSpec) -> Method:
    """A network, by its weights; if it wants a bank, fed by the optics of a profile or the nominal ones."""
    from wsi_refocus.network.inference import NetworkMethod
    from wsi_refocus.network.zoo import measured_halo
    from wsi_refocus.optics.profile import OpticsProfile

    path = weights_of(spec)
    profile = None if spec.profile is None else OpticsProfile.read(spec.profile)
    filters_for = partial(bank_for, spec.shots, profile=profile)
    return NetworkMethod.from_checkpoint(
        spec.name,
        path,
        spec.device,
        threads=spec.threads,
        filters_for=filters_for,
        halo=measured_halo(path),
        precision=spec.precision,
    )


def weights_of(spec: MethodSpec) -> Path:
    """Path of the weights of a network: those named, those of the profile, or the bundled ones.

    Raises
    ------
    CheckpointError
        If there are none, or those of the profile are not the ones that it was measured with.
    UsageError
        If both weights and a profile are named, or the profile has none.
    """
    from wsi_refocus.network.zoo import bundled_checkpoints, default_checkpoint, find_checkpoint

    if spec.profile is not None:
        return _tuned_weights(spec)
    if spec.checkpoint is not None:
        return find_checkpoint(spec.checkpoint)
    if spec.name == "tsva-lite":
        return default_checkpoint()
    found = [path for name, path in bundled_checkpoints().items() if name.startswith(f"{spec.name}-w")]
    if not found:
        raise CheckpointError(
            f"the method {spec.name} has no bundled weights; train some (wsi-refocus train {spec.name}-w16) "
            "and name them with --checkpoint"
        )
    return found[0]


def _tuned_weights(spec: MethodSpec) -> Path:
    """Weights beside a profile."""
    from wsi_refocus.network.checkpoint import checkpoint_sha256
    from wsi_refocus.optics.profile import OpticsProfile

    if spec.profile is None or spec.checkpoint is not None:
        raise UsageError("a profile brings its own weights; give either --profile or --checkpoint")
    profile = OpticsProfile.read(spec.profile)
    if not profile.weights:
        raise UsageError(f"{spec.profile}: holds optics but no weights; choose --method joint, or calibrate again")
    path = Path(spec.profile).parent / Path(profile.weights).name
    if checkpoint_sha256(path) != profile.weights_sha256:
        raise CheckpointError(f"{path}: are not the weights that {spec.profile} was measured with; calibrate again")
    return path


def bank_for(shots: ShotGeometry, guesses: Guesses, profile: OpticsProfile | None = None) -> DualPlaneFilters:
    """Make the bank of inversions that feeds a network.

    Parameters
    ----------
    shots
        How the shots were taken.
    guesses
        The drifts, and the optics where there is no profile.
    profile
        Optics of the scanner.
    """
    from wsi_refocus.network.dual_plane import DualPlaneFilters
    from wsi_refocus.optics.inversion import RADIUS, inversion_kernels
    from wsi_refocus.optics.transfer import Microscope

    heights = [(drift - shots.offset_um, drift + shots.offset_um) for drift in guesses.drifts_um]
    if profile is None:
        optics, regularisation = Microscope(guesses.numerical_aperture, guesses.condenser_ratio), None
    else:
        optics, regularisation = profile.optics, profile.regularisation
        heights = [profile.heights(*pair) for pair in heights]
    return DualPlaneFilters(inversion_kernels(optics, shots.mpp, heights, regularisation), RADIUS)


def make_joint(spec: MethodSpec) -> Method:
    """The inversion of two shots, with focus in the middle of them."""
    heights = (-spec.shots.offset_um, spec.shots.offset_um)
    return inversion_method(spec.name, spec.shots.mpp, [heights], _profile_of(spec), spec.device, spec.threads)


def make_phase(spec: MethodSpec) -> Method:
    """Make the phase map that goes with a method: it lies beside the picture, so it is in no registry.

    Parameters
    ----------
    spec
        The method: how the shots were taken, its profile, device and threads.
    """
    from wsi_refocus.network.dual_plane import PhaseMap
    from wsi_refocus.network.inference import NetworkMethod

    heights = (-spec.shots.offset_um, spec.shots.offset_um)
    filters = _inversion(spec.shots.mpp, [heights], _profile_of(spec), "phase")
    phase_map = PhaseMap(filters, PHASE_ZERO / 255, 0.5 / PHASE_RANGE)
    return NetworkMethod("phase", phase_map, spec.device, threads=spec.threads)


def inversion_method(
    name: str,
    mpp: float,
    heights_um: Sequence[tuple[float, float]],
    profile: OpticsProfile,
    device: str = "cpu",
    threads: int = 1,
) -> Method:
    """Make the inversion of two shots at known heights.

    Parameters
    ----------
    name
        Name of the method.
    mpp
        µm per pixel.
    heights_um
        Heights of the two shots over the section, in µm as the stage says: one pair.
    profile
        Optics.
    device, threads
        As in `MethodSpec`.
    """
    from wsi_refocus.network.dual_plane import FixedInversion
    from wsi_refocus.network.inference import NetworkMethod

    filters = _inversion(mpp, heights_um, profile, "density")
    return NetworkMethod(name, FixedInversion(filters), device, threads=threads)


def _profile_of(spec: MethodSpec) -> OpticsProfile:
    """The profile that is named, or nominal optics."""
    from wsi_refocus.optics.profile import OpticsProfile

    return OpticsProfile() if spec.profile is None else OpticsProfile.read(spec.profile)


def _inversion(
    mpp: float, heights_um: Sequence[tuple[float, float]], profile: OpticsProfile, unknown: Unknown
) -> DualPlaneFilters:
    """Filters that give the density or the phase, by the optics of a profile."""
    from wsi_refocus.network.dual_plane import DualPlaneFilters
    from wsi_refocus.optics.inversion import RADIUS, inversion_kernels

    heights = [profile.heights(*pair) for pair in heights_um]
    return DualPlaneFilters(inversion_kernels(profile.optics, mpp, heights, profile.regularisation, unknown), RADIUS)
