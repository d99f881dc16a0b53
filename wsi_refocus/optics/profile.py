"""What is known of the optics of one scanner, kept in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wsi_refocus.errors import OutputError, UsageError
from wsi_refocus.optics.inversion import Regularisation
from wsi_refocus.optics.transfer import Microscope

FORMAT = "wsi-refocus optics profile 1"


@dataclass(frozen=True, slots=True)
class OpticsProfile:
    """Optics fitted to a focal stack.

    Attributes
    ----------
    optics : Microscope
        Effective optics: what explains the stack, not what is engraved on the objective.
    regularisation : Regularisation
        How far an inversion is to be trusted where two shots say little.
    stage_scale : float
        What the stage travels over what it says.
    focus_offset_um : float
        How much higher than the plane called in focus the optics' own focus lies, in µm of stage travel.
    figures : Mapping
        What the profile was fitted to, and what was measured with it.
    weights : str
        Name of the file, beside the profile, of a network tuned to the scanner; empty for none.
    weights_sha256 : str
        Its hash.
    """

    optics: Microscope = field(default_factory=Microscope)
    regularisation: Regularisation = field(default_factory=Regularisation)
    stage_scale: float = 1.0
    focus_offset_um: float = 0.0
    figures: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    weights_sha256: str = ""

    def heights(self, first_um: float, second_um: float) -> tuple[float, float]:
        """Heights of two planes over the optics' focus, from those over the plane in focus."""
        first, second = (self.stage_scale * z - self.focus_offset_um for z in (first_um, second_um))
        return first, second

    def write(self, path: str | Path) -> None:
        """Write the profile as JSON.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        content = {"format": FORMAT, **asdict(self)}
        try:
            Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another file with -o") from None

    @classmethod
    def read(cls, path: str | Path) -> OpticsProfile:
        """Read a profile.

        Raises
        ------
        UsageError
            If the file is missing, damaged or something else.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise ValueError("of another format")
            optics: dict[str, Any] = content.pop("optics")
            for name in ("wavelengths_um", "axial_colour_um"):
                optics[name] = tuple(map(float, optics[name]))
            return cls(Microscope(**optics), Regularisation(**content.pop("regularisation")), **content)
        except OSError as error:
            raise UsageError(f"{path}: the profile cannot be read ({error.strerror}); name another") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: is no optics profile ({error}); make one with wsi-refocus calibrate") from None


def profile_sha256(path: str | Path | None) -> str | None:
    """SHA-256 of a profile's file, in hexadecimal; None for none."""
    return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
