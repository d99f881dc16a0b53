"""What a tile's evidence may be before the tile is no longer believed: the one place where the limits live."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import NamedTuple, Self

from wsi_refocus.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the evidence; each can be set (``--limit NAME=VALUE``).

    That of the gain was chosen on simulated tiles of the training groups; the others lie beyond what all but one in
    five hundred of those tiles have that refocusing made clearly better (docs/trust.md has the numbers).

    Attributes
    ----------
    gain_bound : float
        Least bound of the gain over the sharper shot, in dB. Only where there is a calibrated bound.
    psnr_bound : float
        Least bound of the PSNR, in dB. Only where there is a calibrated bound.
    shots_in_common : float
        Least coherence of the two shots: two places have none.
    noise_in_common : float
        Largest correlation of the shots' noise: the same shot twice has 1.
    chi2 : float
        Largest reduced χ² of either shot.
    spacing_factor : float
        Largest factor between the fitted and the known distance of the planes, up or down.
    drift_um : float
        Largest drift in µm, up or down.
    unvouched : float
        Largest share of the output's energy that neither shot vouches for.
    disagreement, network_disagreement : float
        Largest RMS difference in grey levels from turned inputs, and from another network.
    network_agreement : float
        Least agreement of another network: below 0 it would change the sharper shot the other way.
    change : float
        Largest RMS difference in grey levels from the sharper shot.
    stain_change : float
        Largest change of haematoxylin or eosin density at low frequencies.
    in_focus_um : float
        A sharper shot that is fitted nearer to focus than this, and that the network hardly changes, needs no
        refocusing and is given back as it is.
    in_focus_change : float
        Largest RMS change in grey levels for that.
    """

    gain_bound: float = 0.0
    psnr_bound: float = 0.0
    shots_in_common: float = 0.4
    noise_in_common: float = 0.95
    chi2: float = 30.0
    spacing_factor: float = 50.0
    drift_um: float = 3.5
    unvouched: float = 0.3
    disagreement: float = 6.0
    network_disagreement: float = 12.0
    network_agreement: float = 0.0
    change: float = 25.0
    stain_change: float = 0.01
    in_focus_um: float = 0.15
    in_focus_change: float = 1.0

    def changed(self, values: Mapping[str, float]) -> Self:
        """Set some of the limits.

        Raises
        ------
        UsageError
            If there is no limit of a name, or one is not finite.
        """
        known = [each.name for each in fields(self)]
        for name, value in values.items():
            if name not in known:
                raise UsageError(f"there is no limit {name!r}; there are {', '.join(known)}")
            if not math.isfinite(value):
                raise UsageError(f"the limit {name} cannot be {value}; give a number that no tile reaches instead")
        return replace(self, **values)

    def to_json(self) -> dict[str, float]:
        """All limits by name."""
        return asdict(self)


class Rule(NamedTuple):
    """How a limit is meant.

    Attributes
    ----------
    limit : str
        Its name.
    columns : tuple of str
        Columns of the quality table, and names of evidence, that it is for.
    is_least : bool
        Whether they must not fall below it; else they must not exceed it, up or down.
    reason : str
        What a tile that breaks it is told, with the number that does.
    """

    limit: str
    columns: tuple[str, ...]
    is_least: bool
    reason: str

    def broken_by(self, values: Mapping[str, float], limit: float) -> str:
        """Reason if the limit is broken, else empty; NaN breaks none.

        Parameters
        ----------
        values
            Evidence by name.
        limit
            The limit.
        """
        known = [value for value in map(values.__getitem__, self.columns) if not math.isnan(value)]
        worst: Callable[..., float] = min if self.is_least else max
        number = worst(map(float if self.is_least else abs, known), default=math.nan)
        broken = number < limit if self.is_least else number > limit
        return self.reason.format(number) if broken else ""


RULES = (
    Rule("shots_in_common", ("shots_in_common",), True, "the shots do not show the same (coherence {:.2f})"),
    Rule("noise_in_common", ("noise_in_common",), False, "both shots are the same (noise in common {:.2f})"),
    Rule("gain_bound", ("gain_bound",), True, "refocusing may be worse than the sharper shot (bound {:+.2f} dB)"),
    Rule("psnr_bound", ("psnr_bound",), True, "the error may be too large (PSNR bound {:.1f} dB)"),
    Rule("chi2", ("chi2_first", "chi2_second"), False, "blurred again it does not predict the shots (χ² {:.0f})"),
    Rule(
        "spacing_factor",
        ("spacing_factor",),
        False,
        "the fitted distance of the planes is wrong (by a factor of {:.0f})",
    ),
    Rule("drift_um", ("drift_um",), False, "focus lies too far away ({:.1f} µm)"),
    Rule("unvouched", ("unvouched",), False, "neither shot vouches for its detail ({:.0%} of the energy)"),
    Rule("disagreement", ("disagreement",), False, "turned shots give another picture ({:.1f} grey levels)"),
    Rule(
        "network_disagreement",
        ("network_disagreement",),
        False,
        "another network gives another picture ({:.1f} grey levels)",
    ),
    Rule("network_agreement", ("network_agreement",), True, "another network changes the shot the other way ({:.2f})"),
    Rule("change", ("change",), False, "it is far from the sharper shot ({:.0f} grey levels)"),
    Rule(
        "stain_change",
        ("haematoxylin_change", "eosin_change"),
        False,
        "its colours changed ({:.3f} OD)",
    ),
)
"""In the order in which they are asked: the first that is broken is the reason."""
