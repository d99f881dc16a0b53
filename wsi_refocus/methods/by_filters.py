"""Methods that compute without torch."""

from __future__ import annotations

from wsi_refocus.methods.protocol import Method, MethodSpec


def make_sharpest(_: MethodSpec) -> Method:
    """The sharper shot as it is."""
    from wsi_refocus.restoration.sharpest import Sharpest

    return Sharpest()


def make_mean(_: MethodSpec) -> Method:
    """The mean of both shots."""
    from wsi_refocus.restoration.mean import Mean

    return Mean()


def make_edf(_: MethodSpec) -> Method:
    """Wavelet fusion of both shots."""
    from wsi_refocus.restoration.edf import WaveletFusion

    return WaveletFusion()


def make_focus_map(_: MethodSpec) -> Method:
    """The sharper shot in every square."""
    from wsi_refocus.restoration.focus_map import FocusMap

    return FocusMap()


def make_wiener(spec: MethodSpec) -> Method:
    """Wiener filter of both shots, with focus in the middle of them or where the profile says."""
    from wsi_refocus.optics.deconvolution import wiener_kernels
    from wsi_refocus.optics.profile import OpticsProfile
    from wsi_refocus.restoration.wiener import Wiener

    profile = OpticsProfile() if spec.profile is None else OpticsProfile.read(spec.profile)
    heights = profile.heights(-spec.shots.offset_um, spec.shots.offset_um)
    return Wiener(wiener_kernels(profile.optics, spec.shots.mpp, heights))


def make_richardson_lucy(spec: MethodSpec) -> Method:
    """Richardson-Lucy iteration on both shots, with focus as for `make_wiener`."""
    from wsi_refocus.optics.deconvolution import blur_kernels
    from wsi_refocus.optics.profile import OpticsProfile
    from wsi_refocus.restoration.richardson_lucy import RichardsonLucy

    profile = OpticsProfile() if spec.profile is None else OpticsProfile.read(spec.profile)
    heights = profile.heights(-spec.shots.offset_um, spec.shots.offset_um)
    return RichardsonLucy(blur_kernels(profile.optics, spec.shots.mpp, heights))


def make_dark_channel(spec: MethodSpec) -> Method:
    """Blind deblurring of the sharper shot with the dark channel prior."""
    from wsi_refocus.restoration.dark_channel import dark_channel_step
    from wsi_refocus.restoration.local_deblurring import LocalDeblurring

    return LocalDeblurring(spec.name, dark_channel_step)


def make_graph_prior(spec: MethodSpec) -> Method:
    """Blind deblurring of the sharper shot with the reweighted graph total variation."""
    from wsi_refocus.restoration.graph_prior import graph_step
    from wsi_refocus.restoration.local_deblurring import LocalDeblurring

    return LocalDeblurring(spec.name, graph_step)
