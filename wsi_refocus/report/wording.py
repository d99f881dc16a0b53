"""What the columns of the quality table are called on a page, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wsi_refocus.report.rendering import number


@dataclass(frozen=True, slots=True)
class Measure:
    """How a column is shown.

    Attributes
    ----------
    label : str
        Name for people.
    unit : str
        Unit, where the table does not say.
    digits : int
        Digits after the point.
    signed : bool
        Whether a plus sign is written.
    short : str
        Name where there is little room.
    """

    label: str
    unit: str = ""
    digits: int = 2
    signed: bool = False
    short: str = ""

    @property
    def brief(self) -> str:
        """Name where there is little room."""
        return self.short or self.label


MEASURES = MappingProxyType(
    {
        "gain_bound": Measure("bound of the gain over the sharper shot", "dB", 2, True, short="gain, at least"),
        "gain_predicted": Measure("predicted gain over the sharper shot", "dB", 2, True, short="gain, predicted"),
        "psnr_bound": Measure("bound of the PSNR", "dB", 1, short="PSNR, at least"),
        "psnr_predicted": Measure("predicted PSNR", "dB", 1),
        "change": Measure("change against the sharper shot", "grey levels", 2, short="change"),
        "chi2_first": Measure("misfit to the first shot (χ², 1 as expected)", "1", 2, short="χ² of the first shot"),
        "chi2_second": Measure("misfit to the second shot (χ², 1 as expected)", "1", 2, short="χ² of the second shot"),
        "unvouched": Measure("detail that neither shot vouches for", "1", 3, short="unvouched detail"),
        "disagreement": Measure("disagreement of predictions of turned inputs", "grey levels", 2, short="disagreement"),
        "network_disagreement": Measure(
            "disagreement with another network", "grey levels", 2, short="… with another network"
        ),
        "haematoxylin_change": Measure("change of haematoxylin", "OD", 4, True, short="haematoxylin"),
        "eosin_change": Measure("change of eosin", "OD", 4, True, short="eosin"),
        "noise_in_common": Measure("noise that both shots have in common", "1", 2),
        "drift_um": Measure("focus drift δ̂", "µm", 2, True, short="drift δ̂"),
        "z_first_um": Measure("height of the first plane over focus", "µm", 2, True),
        "z_second_um": Measure("height of the second plane over focus", "µm", 2, True),
        "spacing_um": Measure("distance of the planes", "µm", 2),
        "shift_y_px": Measure("shift of the second plane, down", "px", 2, True),
        "shift_x_px": Measure("shift of the second plane, right", "px", 2, True),
        "shift_error_px": Measure("standard error of the shift", "px", 3),
        "gain_r": Measure("brightness of first over second plane, red", "1", 3),
        "gain_g": Measure("brightness of first over second plane, green", "1", 3),
        "gain_b": Measure("brightness of first over second plane, blue", "1", 3),
        "tissue_fraction": Measure("part that is tissue", "1", 2, short="tissue"),
        "brenner_first": Measure("focus measure of the first plane (advisory)", "grey levels²", 1),
        "brenner_second": Measure("focus measure of the second plane (advisory)", "grey levels²", 1),
        "brenner_output": Measure("focus measure of the output (advisory)", "grey levels²", 1),
        "psnr_output": Measure("PSNR of the output against the reference", "dB", 2, short="PSNR of the output"),
        "psnr_first": Measure("PSNR of the first plane against the reference", "dB", 2, short="PSNR of the first shot"),
        "psnr_second": Measure(
            "PSNR of the second plane against the reference", "dB", 2, short="PSNR of the second shot"
        ),
        "ssim_output": Measure("SSIM of the output against the reference", "1", 3),
        "ssim_first": Measure("SSIM of the first plane against the reference", "1", 3),
        "ssim_second": Measure("SSIM of the second plane against the reference", "1", 3),
    }
)
"""Columns that pages know, those that tell most first."""


def measure(column: str) -> Measure:
    """How a column is shown; one that is not known here, under its own name."""
    return MEASURES.get(column, Measure(column, digits=3))


def unit_of(units: Mapping[str, str], column: str) -> str:
    """Unit of a column as people write it: what the table says, or else what is usual; nothing for plain numbers."""
    unit = units.get(column, measure(column).unit)
    return "" if unit == "1" else unit


def written(column: str, value: float, unit: str = "") -> str:
    """Write a value of a column, with its unit if there is one."""
    how = measure(column)
    return f"{number(float(value), how.digits, how.signed)} {unit}".strip()


def count(amount: int, singular: str, plural: str = "") -> str:
    """A number and its noun, as ``1 tile`` and ``2 tiles``."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"
