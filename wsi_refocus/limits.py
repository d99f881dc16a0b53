"""Limits on what a file may ask for: far above any slide, far below what would stop the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from wsi_refocus.errors import SlideError, UsageError


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that an environment variable raises.

    Attributes
    ----------
    variable : str
        The environment variable.
    default : int
        The limit where it is not set.
    """

    variable: str
    default: int

    @property
    def value(self) -> int:
        """The limit in force.

        Raises
        ------
        UsageError
            If the variable holds no positive whole number.
        """
        said = os.environ.get(self.variable, "").strip()
        if not said:
            return self.default
        if not (said.isascii() and said.isdigit() and len(said) < 19 and int(said)):
            raise UsageError(f"{self.variable} must be a positive whole number, not {said[:40]!r}; unset or correct it")
        return int(said)

    def check(self, amount: int, what: str, path: str) -> None:
        """Refuse what is above the limit.

        Parameters
        ----------
        amount
            What the file asks for.
        what
            Its name, such as ``pixels in level 0``.
        path
            The file, for the message.

        Raises
        ------
        SlideError
            If it is more than the limit.
        """
        if amount > self.value:
            raise SlideError(
                f"{path}: says that it has {amount:,} {what}, more than the {self.value:,} that are allowed; copy it "
                f"again if it is damaged, or set {self.variable} higher if you trust it"
            )


SLIDE_PIXELS = Limit("WSI_REFOCUS_MAX_SLIDE_PIXELS", 200_000_000_000)
"""Pixels of one level of a slide."""
PICTURE_PIXELS = Limit("WSI_REFOCUS_MAX_PICTURE_PIXELS", 89_478_485)
"""Pixels of a picture that is read whole: label, macro, an image of a focal stack. As Pillow has it by default."""
TILE_BYTES = Limit("WSI_REFOCUS_MAX_TILE_BYTES", 2**30)
"""Decoded bytes of one tile, strip or chunk."""
TILES = Limit("WSI_REFOCUS_MAX_TILES", 10_000_000)
"""Tiles and strips of all planes and levels of a file."""
DIRECTORIES = Limit("WSI_REFOCUS_MAX_DIRECTORIES", 10_000)
"""Directories of a TIFF, planes of a slide, images that a file describes."""
CHECKPOINT_BYTES = Limit("WSI_REFOCUS_MAX_CHECKPOINT_BYTES", 4 * 2**30)
"""A file of weights."""
METADATA_BYTES = Limit("WSI_REFOCUS_MAX_METADATA_BYTES", 32 * 2**20)
"""One document or profile: OME-XML, ICC profile, JSON of a store."""
MAX_LEVELS = 64
"""Levels of a pyramid: each is half the one before, and no slide has 2⁶⁴ pixels along a side."""
