"""What a tile's evidence may be before the tile is no longer believed: the one place where the limits live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

from wsi_refocus.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the evidence; each can be set (``--limit NAME=VALUE``).

    They were chosen on simulated scans of the training groups, so that few tiles that refocusing made better break
    one; see docs/trust.md.

    Attributes
    ----------
    gain_bound : float
        Least bound of the gain over the sharper shot, in dB. Only where there is a calibrated bound.
    psnr_bound : float
        Least bound of the PSNR, in dB. Only where there is a calibrated bound.
    chi2 : float
        Largest reduced χ² of either shot.
    spacing : float
        Largest factor between the fitted and the known distance of the planes, up or down.
    drift_um : float
        Largest fitted drift in µm.
    unvouched : float
        Largest share of the output's energy that neither shot vouches for.
    disagreement, network_disagreement : float
        Largest RMS difference in grey levels from turned inputs, and from another network.
    stain_change : float
        Largest change of haematoxylin or eosin density at low frequencies.
    noise_in_common : float
        Largest correlation of the shots' noise: the same shot twice has 1.
    in_focus_um : float
        A sharper shot fitted nearer to focus than this, which the network hardly changes, is given back as it is.
    in_focus_change : float
        Largest RMS change in grey levels for that.
    """

    gain_bound: float = -1.0
    psnr_bound: float = 0.0
    chi2: float = 60.0
    spacing: float = 100.0
    drift_um: float = 3.5
    unvouched: float = 0.3
    disagreement: float = 6.0
    network_disagreement: float = 12.0
    stain_change: float = 0.02
    noise_in_common: float = 0.9
    in_focus_um: float = 0.1
    in_focus_change: float = 1.0

    def changed(self, values: Mapping[str, float]) -> Self:
        """Set some of the limits.

        Raises
        ------
        UsageError
            If there is no limit of a name.
        """
        known = [each.name for each in fields(self)]
        for name in values:
            if name not in known:
                raise UsageError(f"there is no limit {name!r}; there are {', '.join(known)}")
        return replace(self, **values)

    def to_json(self) -> dict[str, float]:
        """All limits by name."""
        return asdict(self)
