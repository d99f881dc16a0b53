"""What is known of a slide without reading its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsi_refocus.geometry import Size


@dataclass(frozen=True, slots=True)
class FocalPlane:
    """One focal plane of a slide.

    Attributes
    ----------
    index : int
        Number of the plane in its slide, from 0.
    z_um : float or None
        Height of the plane in µm, in the slide's own frame; None where the file does not say.
    """

    index: int
    z_um: float | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a pyramid; level 0 is the finest.

    Attributes
    ----------
    size : Size
        Extent in pixels.
    downsample : float
        Pixels of level 0 along one pixel of this level.
    """

    size: Size
    downsample: float = 1.0


@dataclass(frozen=True, slots=True)
class SlideInfo:
    """Description of a slide.

    Attributes
    ----------
    paths : tuple of str
        Files (or URLs) the slide was opened from: one, or two of one plane each.
    format : str
        Name of the reader's format: ``ome-tiff``, ``openslide:aperio``, ``ome-zarr-0.5`` ...
    levels : tuple of Level
        Pyramid, finest first.
    planes : tuple of FocalPlane
        Focal planes in the order of their index.
    mpp : tuple of float or None
        µm per pixel (y, x) of level 0; None where the file does not say.
    magnification : float or None
        Nominal magnification of the objective.
    associated : tuple of str
        Names of associated images, such as ``label`` and ``macro``.
    icc_profile : bytes or None
        ICC profile of the pixels.
    fingerprint : tuple of str
        One string a file that changes when the file does; the same wherever the file lies.
    ome_xml : str or None
        OME-XML of the source, carried over to the output.
    notes : tuple of str
        What the reader had to assume, one sentence each; goes to the log and to the provenance.
    """

    paths: tuple[str, ...]
    format: str
    levels: tuple[Level, ...]
    planes: tuple[FocalPlane, ...]
    mpp: tuple[float, float] | None
    magnification: float | None = None
    associated: tuple[str, ...] = ()
    icc_profile: bytes | None = field(default=None, repr=False)
    fingerprint: tuple[str, ...] = ()
    ome_xml: str | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> Size:
        """Extent of level 0 in pixels."""
        return self.levels[0].size
