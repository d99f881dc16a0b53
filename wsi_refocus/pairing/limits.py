"""What is trusted of the registration of two planes: the one place where the limits stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegistrationLimits:
    """Limits beyond which a cell is flagged instead of refocused.

    Attributes
    ----------
    max_shift_px : float
        Longest shift; it is also looked for no farther than this on each axis.
    max_error_px : float
        Largest standard error of a cell's shift.
    max_deviation_px : float
        Farthest that a cell's own shift may lie from the fit to its slide, beyond three standard errors.
    min_confidence : float
        Smallest correlation coefficient of the smoothed windows of a cell. Windows of other places hardly
        reach 0.6; of the same place, also where one is far out of focus, they exceed 0.65.
    min_vague_confidence : float
        The same for cells whose own shift has an error beyond twice ``max_error_px``.
    min_texture : float
        Standard deviation of the smoothed optical density from which a window must agree; paler ones hold
        too little to contradict.
    min_cells : int
        Number of cells that disagree from which the planes as a whole are judged.
    min_agreement : float
        Smallest share of all cells that say something that must agree, or the pair is refused.
    """

    max_shift_px: float = 32.0
    max_error_px: float = 1.0
    max_deviation_px: float = 2.5
    min_confidence: float = 0.6
    min_vague_confidence: float = 0.8
    min_texture: float = 0.01
    min_cells: int = 4
    min_agreement: float = 0.1


DEFAULT_LIMITS = RegistrationLimits()
