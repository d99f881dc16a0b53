"""From a refocused tile to what is believed of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import CheckpointError
from wsi_refocus.methods import Method, MethodSpec, weights_of
from wsi_refocus.trust.bound import SUFFIX, UNKNOWN, Bounds, ErrorBound
from wsi_refocus.trust.choices import Policy, Uncertainty
from wsi_refocus.trust.disagreement import WINDOW, Surroundings
from wsi_refocus.trust.evidence import NO_EVIDENCE, Evidence, Examiner
from wsi_refocus.trust.limits import Limits
from wsi_refocus.trust.verdict import IN_FOCUS, TOO_SMALL, doubt, is_in_focus


@dataclass(frozen=True, slots=True)
class TrustSpec:
    """What is needed to judge tiles in any process.

    Attributes
    ----------
    policy : str
        What is done with a tile that is not believed.
    uncertainty : str
        How much is predicted again.
    limits : Limits
        What evidence may be.
    bound : str or None
        SHA-256 of the calibrated bound's file, which lies beside the weights; None if there is none for these.
    """

    policy: Policy = "keep-sharper"
    uncertainty: Uncertainty = "subset"
    limits: Limits = field(default_factory=Limits)
    bound: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Content for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Rebuild from `to_json`."""
        return cls(**{**stored, "limits": Limits(**stored["limits"])})


def bound_of(spec: MethodSpec, sha256: str) -> ErrorBound:
    """Read the bound beside the weights of a method, wherever they are installed here.

    Raises
    ------
    CheckpointError
        If it is not there, or not the one of that hash.
    """
    path = weights_of(spec).with_suffix(SUFFIX)
    bound = ErrorBound.read(path)
    if bound.sha256 != sha256:
        raise CheckpointError(f"{path}: is not the bound that the run began with; begin anew with --overwrite")
    return bound


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is believed of one tile.

    Attributes
    ----------
    evidence, bounds
        What was found out.
    doubt : str
        Why the tile is not believed; empty if it is.
    in_focus : bool
        Whether the sharper shot needs no refocusing.
    """

    evidence: Evidence
    bounds: Bounds
    doubt: str
    in_focus: bool

    def keeps_sharper(self, policy: Policy) -> str:
        """Why the sharper shot is given back under a policy; empty if it is not."""
        if policy != "keep-sharper":
            return ""
        return IN_FOCUS if self.in_focus else self.doubt


class Judge:
    """Judges tiles; safe from several threads at once.

    Parameters
    ----------
    spec
        How.
    method_spec, method
        The method that makes the tiles.
    """

    def __init__(self, spec: TrustSpec, method_spec: MethodSpec, method: Method) -> None:
        self.spec = spec
        self._examiner = Examiner(method_spec, method, spec.uncertainty)
        self._bound = None if spec.bound is None else bound_of(method_spec, spec.bound)

    def judge(self, place: Surroundings, output: NDArray[np.uint8]) -> Judgement:
        """Judge one tile.

        Parameters
        ----------
        place
            Both shots around it.
        output
            What the method made of it, RGB of shape (height, width, 3).
        """
        if min(output.shape[:2]) < WINDOW:
            return Judgement(NO_EVIDENCE, UNKNOWN, TOO_SMALL, False)
        evidence = self._examiner.examine(place, output)
        bounds = UNKNOWN if self._bound is None else self._bound.of(evidence.features)
        found = {**evidence.numbers(), "psnr_bound": bounds.psnr_bound, "gain_bound": bounds.gain_bound}
        quiet = is_in_focus(found, self.spec.limits)
        why = "" if quiet else doubt(found, self.spec.limits)
        return Judgement(evidence, bounds, why, quiet)
