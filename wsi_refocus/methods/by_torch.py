"""Methods that compute with torch: networks, and the inversion of two shots."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from wsi_refocus.errors import CheckpointError
from wsi_refocus.methods.protocol import Method, MethodSpec, ShotGeometry
from wsi_refocus.methods.refusal import refuse_profile, refuse_weights

if TYPE_CHECKING:
    from wsi_refocus.network.dual_plane import DualPlaneFilters, Guesses
    from wsi_refocus.optics.profile import OpticsProfile


def make_tsva(spec: MethodSpec) -> Method:
    """The network that fuses both shots."""
    from wsi_refocus.network.inference import NetworkMethod
    from wsi_refocus.network.zoo import default_checkpoint, find_checkpoint

    refuse_profile(spec)
    path = default_checkpoint() if spec.checkpoint is None else find_checkpoint(spec.checkpoint)
    return NetworkMethod.from_checkpoint(
        spec.name, path, spec.device, threads=spec.threads, filters_for=partial(bank_for, spec.shots)
    )


def make_trained(spec: MethodSpec) -> Method:
    """A network of the paper's baselines, whose weights are bundled or named."""
    from wsi_refocus.network.inference import NetworkMethod
    from wsi_refocus.network.zoo import bundled_checkpoints, find_checkpoint

    refuse_profile(spec)
    if spec.checkpoint is None:
        found = [path for name, path in bundled_checkpoints().items() if name.startswith(f"{spec.name}-")]
        if not found:
            raise CheckpointError(
                f"the method {spec.name} has no bundled weights; train some (wsi-refocus train {spec.name}-w16) "
                "and name them with --checkpoint"
            )
        path = found[0]
    else:
        path = find_checkpoint(spec.checkpoint)
    return NetworkMethod.from_checkpoint(spec.name, path, spec.device, threads=spec.threads)


def bank_for(shots: ShotGeometry, guesses: Guesses) -> DualPlaneFilters:
    """Make the bank of inversions that feeds a network, for shots taken in this way."""
    from wsi_refocus.network.dual_plane import DualPlaneFilters
    from wsi_refocus.optics.inversion import RADIUS, inversion_kernels
    from wsi_refocus.optics.transfer import Microscope

    optics = Microscope(guesses.numerical_aperture, guesses.condenser_ratio)
    heights = [(drift - shots.offset_um, drift + shots.offset_um) for drift in guesses.drifts_um]
    return DualPlaneFilters(inversion_kernels(optics, shots.mpp, heights), RADIUS)


def make_joint(spec: MethodSpec) -> Method:
    """The inversion of two shots, with focus in the middle of them."""
    from wsi_refocus.optics.profile import OpticsProfile

    refuse_weights(spec)
    profile = OpticsProfile() if spec.profile is None else OpticsProfile.read(spec.profile)
    heights = (-spec.shots.offset_um, spec.shots.offset_um)
    return inversion_method(spec.name, spec.shots.mpp, [heights], profile, spec.device, spec.threads)


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
    from wsi_refocus.network.dual_plane import DualPlaneFilters, FixedInversion
    from wsi_refocus.network.inference import NetworkMethod
    from wsi_refocus.optics.inversion import RADIUS, inversion_kernels

    heights = [profile.heights(*pair) for pair in heights_um]
    kernels = inversion_kernels(profile.optics, mpp, heights, profile.regularisation)
    return NetworkMethod(name, FixedInversion(DualPlaneFilters(kernels, RADIUS)), device, threads=threads)
