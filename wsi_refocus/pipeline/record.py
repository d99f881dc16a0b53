"""The record of a run: all that a worker, on any machine, needs to make a shard."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size
from wsi_refocus.methods import MethodSpec
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.pairing.survey import Survey
from wsi_refocus.pipeline.compose import Decisions
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.slide.resampled import ResampledSource
from wsi_refocus.slide.selection import SelectedPlanes
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.slide.window import WindowedSource
from wsi_refocus.trust.judge import TrustSpec

if TYPE_CHECKING:  # workers do without, and pydantic takes 0.1 s to import
    from wsi_refocus.config import RunSettings


@dataclass(frozen=True, slots=True)
class View:
    """A slide, and the part of it that is worked on.

    Attributes
    ----------
    slide : SlideSpec
        How to open the slide.
    level : int
        Level of the slide that is worked on.
    region : Region or None
        Part of that level; None for all.
    resample_um : float or None
        µm per pixel that the part is seen at; None for its own.
    """

    slide: SlideSpec
    level: int = 0
    region: Region | None = None
    resample_um: float | None = None

    def open(self) -> SlideSource:
        """Open the slide and look at its part."""
        part = WindowedSource(self.slide.open(), self.level, self.region)
        return part if self.resample_um is None else ResampledSource(part, self.resample_um)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> View:
        """Rebuild from what ``asdict`` and JSON made of it."""
        region = None if stored["region"] is None else Region(*stored["region"])
        return cls(SlideSpec.from_json(stored["slide"]), stored["level"], region, stored["resample_um"])


@dataclass(frozen=True, slots=True)
class PlaneOf:
    """One plane of a view.

    Attributes
    ----------
    view : View
        The slide.
    plane : int
        Index of the plane.
    """

    view: View
    plane: int

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> PlaneOf:
        """Rebuild from what ``asdict`` and JSON made of it."""
        return cls(View.from_json(stored["view"]), stored["plane"])


@contextlib.contextmanager
def opened_planes(planes: Sequence[PlaneOf]) -> Iterator[SlideSource]:
    """Open planes, of one slide or of several, as the planes 0, 1 … of one slide.

    Raises
    ------
    PlanePairError
        If the slides differ in size.
    """
    with contextlib.ExitStack() as stack:
        sources = {view: stack.enter_context(view.open()) for view in {each.view: None for each in planes}}
        yield SelectedPlanes([(sources[each.view], each.plane) for each in planes])


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """An in-focus plane that the result is measured against.

    Attributes
    ----------
    truth : PlaneOf
        Where it is.
    survey : Survey
        How it lies on the output's grid: of the plane that has this grid, and the truth.
    """

    truth: PlaneOf
    survey: Survey


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run decided before its first shard; the journal keeps it for workers and for resuming.

    Attributes
    ----------
    identity : str
        Hash of input, settings and weights: the same if and only if the result is.
    view : View
        The two-shot slide.
    planes : tuple of int
        The plane pair, in canonical order.
    method : MethodSpec
        How to make the method.
    layout : StoreLayout
        The output's arrays.
    tile : int
        Edge of the tiles in pixels.
    survey : Survey
        Shift, gain and choice over the slide.
    reference : ReferenceRecord or None
        What to measure against.
    phase : bool
        Whether a phase map is made, too.
    trust : TrustSpec or None
        How refocused tiles are judged; None if they are not.
    """

    identity: str
    view: View
    planes: tuple[int, int]
    method: MethodSpec
    layout: StoreLayout
    tile: int
    survey: Survey
    reference: ReferenceRecord | None = None
    phase: bool = False
    trust: TrustSpec | None = None

    def decisions(self) -> Decisions:
        """What is done where: background and flagged cells keep the sharper shot."""
        survey = self.survey
        predicted: NDArray[np.bool_] = (survey.tissue_fraction > 0) & ~survey.flagged
        return Decisions(survey.choice.astype(np.bool_), predicted)

    def to_json(self) -> dict[str, Any]:
        """Content for a JSON file."""
        return {
            "identity": self.identity,
            "view": asdict(self.view),
            "planes": list(self.planes),
            "method": asdict(self.method),
            "layout": asdict(self.layout),
            "tile": self.tile,
            "survey": self.survey.to_json(),
            "reference": None
            if self.reference is None
            else {"truth": asdict(self.reference.truth), "survey": self.reference.survey.to_json()},
            "phase": self.phase,
            "trust": None if self.trust is None else self.trust.to_json(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> RunRecord:
        """Rebuild from `to_json`."""
        layout = stored["layout"]
        reference = stored["reference"]
        return cls(
            identity=stored["identity"],
            view=View.from_json(stored["view"]),
            planes=(stored["planes"][0], stored["planes"][1]),
            method=MethodSpec.from_json(stored["method"]),
            layout=StoreLayout(**{**layout, "size": Size(*layout["size"]), "mpp": tuple(layout["mpp"])}),
            tile=stored["tile"],
            survey=Survey.from_json(stored["survey"]),
            reference=None
            if reference is None
            else ReferenceRecord(PlaneOf.from_json(reference["truth"]), Survey.from_json(reference["survey"])),
            phase=stored["phase"],
            trust=None if stored["trust"] is None else TrustSpec.from_json(stored["trust"]),
        )


def run_identity(fingerprint: tuple[str, ...], settings: RunSettings, details: dict[str, Any]) -> str:
    """Hash everything that decides the bytes of the result.

    Parameters
    ----------
    fingerprint
        Fingerprints of the input's files.
    settings
        Settings; those that only say how to work are left out.
    details
        What else decides: hash of the weights, kind of device, version.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    content = {"input": list(fingerprint), "settings": settings.of_the_result(), **details}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
