"""OME-XML for synthetic slides, with every way of saying z and mpp that files in the wild use."""

from __future__ import annotations

from collections.abc import Sequence

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def describe_ome(
    size: tuple[int, int],
    planes: int,
    *,
    z_um: Sequence[float] | None = None,
    mpp: float | tuple[float, float] | None = 0.5,
    magnification: float | None = 20.0,
    position_z: bool = True,
    z_unit: str | None = "µm",
    mpp_unit: str | None = "µm",
    order: str = "XYCZT",
    samples: int = 3,
    pixel_type: str = "uint8",
    z_reversed: bool = False,
    per_image: bool = False,
    associated: dict[str, tuple[int, int]] | None = None,
) -> str:
    """OME-XML for ``planes`` pages of ``size``.

    Parameters
    ----------
    z_um
        Heights in µm: as ``Plane PositionZ``, or with ``position_z=False`` as ``PhysicalSizeZ``.
    z_unit, mpp_unit
        Unit that the numbers are written in; None leaves the attribute out (µm).
    z_reversed
        The first page holds the last plane, as ``TiffData`` says.
    per_image
        One ``Image`` for each plane instead of one with several.
    associated
        Names and sizes of further images, in pages after the planes.
    """
    scale_z, scale_xy = _per_um(z_unit), _per_um(mpp_unit)
    pair = (mpp, mpp) if isinstance(mpp, (int, float)) else mpp
    attributes = f'DimensionOrder="{order}" Type="{pixel_type}" SizeC="{samples}" SizeT="1" '
    attributes += f'SizeX="{size[1]}" SizeY="{size[0]}" '
    if pair is not None:
        attributes += f'PhysicalSizeY="{pair[0] * scale_xy!r}" PhysicalSizeX="{pair[1] * scale_xy!r}" '
        if mpp_unit is not None:
            attributes += f'PhysicalSizeXUnit="{mpp_unit}" PhysicalSizeYUnit="{mpp_unit}" '
    if z_um is not None and not position_z:
        attributes += f'PhysicalSizeZ="{(z_um[1] - z_um[0]) * scale_z!r}" '
        attributes += f'PhysicalSizeZUnit="{z_unit}" ' if z_unit is not None else ""
    unit = f' PositionZUnit="{z_unit}"' if z_unit is not None else ""
    groups = [[index] for index in range(planes)] if per_image else [list(range(planes))]
    images = []
    for number, members in enumerate(groups):
        body = f'<Channel ID="Channel:{number}:0" SamplesPerPixel="{samples}"/>'
        for z, plane in enumerate(members):
            page = planes - 1 - plane if z_reversed else plane
            body += f'<TiffData FirstZ="{z}" FirstC="0" FirstT="0" IFD="{page}" PlaneCount="1"/>'
        if z_um is not None and position_z:
            for z, plane in enumerate(members):
                height = z_um[plane] * scale_z
                body += f'<Plane TheZ="{z}" TheC="0" TheT="0" PositionZ="{height!r}"{unit}/>'
        images.append(_image(number, "slide", f'{attributes}SizeZ="{len(members)}"', body, magnification))
    for offset, (name, extent) in enumerate((associated or {}).items()):
        own = (
            f'DimensionOrder="XYCZT" Type="uint8" SizeC="3" SizeT="1" SizeZ="1" SizeX="{extent[1]}" SizeY="{extent[0]}"'
        )
        number = len(groups) + offset
        body = f'<Channel ID="Channel:{number}:0" SamplesPerPixel="3"/>'
        body += f'<TiffData IFD="{planes + offset}" PlaneCount="1"/>'
        images.append(_image(number, name, own, body, None))
    instrument = ""
    if magnification is not None:
        instrument = (
            f'<Instrument ID="Instrument:0"><Objective ID="Objective:0" '
            f'NominalMagnification="{magnification}" LensNA="0.75"/></Instrument>'
        )
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}">{instrument}{"".join(images)}</OME>'


def _image(number: int, name: str, attributes: str, body: str, magnification: float | None) -> str:
    objective = '<ObjectiveSettings ID="Objective:0"/>' if magnification is not None else ""
    return (
        f'<Image ID="Image:{number}" Name="{name}">{objective}'
        f'<Pixels ID="Pixels:{number}" {attributes}>{body}</Pixels></Image>'
    )


def _per_um(unit: str | None) -> float:
    """How many of a unit make a µm."""
    return {None: 1.0, "µm": 1.0, "mm": 1e-3, "nm": 1e3, "cm": 1e-4}[unit]
