"""Focal stacks of whole slides, cut into fields for training."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.pairing.stack_fields import focus_of, tissue_fields
from wsi_refocus.slide.focal_stack import FocalStack, open_stack
from wsi_refocus.training.fields import FIELD
from wsi_refocus.training.stacks import PARTS, Field, field_of, write_fields

logger = logging.getLogger(__name__)

MARGIN = 16
"""Pixels a side that are read besides, as shots are moved onto the truth by up to so many."""
FIELDS = 400
"""Fields of a slide that are looked at by default."""
VALIDATION_SHARE = 0.15
"""Share of the slides that is validated on."""
EVERY = 7
"""Of a single slide, every seventh field is validated on."""
_BEYOND = "whose shots would lie beyond the stack"


@dataclass(frozen=True, slots=True)
class Drifts:
    """Which shots a scanner would have taken.

    Attributes
    ----------
    offset_um : float
        ΔD: the shots lie so far below and above the initial focal plane.
    spread_um : float
        Standard deviation of δ, how high a field lies over that plane.
    seed : int
        Seed of δ and of the slides that are validated on.

    Raises
    ------
    UsageError
        If ΔD is not positive, or the spread is negative.
    """

    offset_um: float = 0.75
    spread_um: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.offset_um > 0 or not self.spread_um >= 0:
            raise UsageError("--defocus-offset must be larger than 0, and --drift-spread not negative")

    def of(self, slide: int, region: Region) -> float:
        """δ in µm of one field, whatever other fields are taken."""
        return float(np.random.default_rng([self.seed, slide, region.y, region.x]).normal(0, self.spread_um))


def import_stacks(
    paths: Sequence[str | Path],
    folder: Path,
    guesses: Guesses,
    drifts: Drifts,
    *,
    fields: int = FIELDS,
    z_step_um: float | None = None,
    mpp: float | None = None,
    begin: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[int, int]:
    """Cut focal stacks of slides into fields for training.

    Every field is a square of 224 × 224 pixels with tissue. Its truth is its plane of the largest Brenner gradient; its
    shots are the planes nearest to those of a scanner with this ΔD, and a δ that is drawn for each field. They are
    moved onto the truth and matched to its brightness. Left out are fields without contrast, with their truth in the
    first or last plane, or with shots beyond the stack. Of several slides some are validated on as a whole, of a
    single one every seventh field. Slides are read field by field.

    Parameters
    ----------
    paths
        Stacks, as for `open_stack`.
    folder
        Folder to write, for ``train --manifest``.
    guesses
        What the bank of inversions assumes.
    drifts
        Which shots are taken.
    fields
        Most fields of one slide, evenly spread.
    z_step_um, mpp
        Distance of the planes and µm per pixel, where the slides do not say.
    begin, progress
        Called with the number of fields, and with 1 for each that is done.

    Returns
    -------
    train, validation : int
        Numbers of fields.

    Raises
    ------
    SlideError
        If a stack cannot be used, or does not say its scale.
    UsageError
        If one slide is named twice, or too few fields are left.
    OutputError
        If the folder cannot be written.
    """
    with ExitStack() as opened:
        stacks = [opened.enter_context(_opened(path, z_step_um, mpp)) for path in paths]
        _refuse_twins(stacks)
        regions = [tissue_fields(stack, FIELD + 2 * MARGIN, count=fields) for stack in stacks]
        begin(sum(map(len, regions)))
        validated = _validated(stacks, drifts.seed)
        made = _made(stacks, regions, guesses, drifts, validated, progress)
        return write_fields(made, folder, guesses, _about(stacks, drifts, validated))


def _about(stacks: Sequence[FocalStack], drifts: Drifts, validated: set[int]) -> dict[str, Any]:
    names = [Path(stack.name).name for stack in stacks]
    return {
        "source": f"z-stacks of {', '.join(names)}",
        "mpp": [stack.mpp for stack in stacks],
        "offset_um": drifts.offset_um,
        "drift_spread_um": drifts.spread_um,
        "seed": drifts.seed,
        "validated_on": [names[number] for number in sorted(validated)] or f"one field of {EVERY}",
    }


def _opened(path: str | Path, z_step_um: float | None, mpp: float | None) -> FocalStack:
    """Open a stack that has a scale; a guess would be learned."""
    stack = open_stack(path, z_step_um, mpp)
    for known, what, option in ((stack.z_um, "how far its planes lie apart", "--z-step 0.5"),
                                (stack.mpp, "its µm per pixel", "--mpp 0.25")):  # fmt: skip
        if known is None:
            stack.source.close()
            raise SlideError(f"{path}: does not say {what}; give it, as {option}")
    return stack


def _refuse_twins(stacks: Sequence[FocalStack]) -> None:
    """Refuse a slide that is named twice: it could be learned from and validated on."""
    seen: dict[tuple[str, ...], str] = {}
    for stack in stacks:
        fingerprint = stack.source.info.fingerprint
        if fingerprint in seen:
            raise UsageError(f"{stack.name}: is the same slide as {seen[fingerprint]}; name it once")
        seen[fingerprint] = stack.name


def _validated(stacks: Sequence[FocalStack], seed: int) -> set[int]:
    """Numbers of the slides that are validated on; none of a single one."""
    if len(stacks) < 2:
        logger.info(
            "there is one slide, so every seventh of its fields is validated on; name several to hold out slides"
        )
        return set()
    count = max(1, round(VALIDATION_SHARE * len(stacks)))
    chosen = {int(number) for number in np.random.default_rng(seed).permutation(len(stacks))[:count]}
    names = ", ".join(stacks[number].name for number in sorted(chosen))
    logger.info("validated on by slide: %s", names)
    return chosen


def _made(
    stacks: Sequence[FocalStack],
    regions: Sequence[Sequence[Region]],
    guesses: Guesses,
    drifts: Drifts,
    validated: set[int],
    progress: Callable[[int], None],
) -> Iterator[tuple[str, Field]]:
    """Fields of all slides, each with its part."""
    taken = 0
    for number, (stack, squares) in enumerate(zip(stacks, regions, strict=True)):
        left_out: Counter[str] = Counter()
        for region in squares:
            field = _field(stack, region, drifts.of(number, region), drifts.offset_um, guesses)
            progress(1)
            if isinstance(field, str):
                left_out[field] += 1
                continue
            held_out = number in validated if len(stacks) > 1 else taken % EVERY == 1
            taken += 1
            yield PARTS[int(held_out)], field
        if left_out:
            told = "; ".join(f"{count} {why}" for why, count in left_out.items())
            logger.info("%s: %d of %d fields are left out: %s", stack.name, left_out.total(), len(squares), told)


def _field(stack: FocalStack, region: Region, drift_um: float, offset_um: float, guesses: Guesses) -> Field | str:
    """One field, or why it is left out."""
    assert stack.z_um is not None and stack.mpp is not None  # noqa: S101 - `_opened` sees to it
    if min(region.size) < FIELD + 2 * MARGIN:
        return f"smaller than {FIELD + 2 * MARGIN} px"
    square = stack.read(region)
    truth, why_not = focus_of(square)
    if why_not:
        return why_not
    field = field_of(square, truth, stack.z_um, stack.mpp, offset_um, drift_um, guesses, MARGIN)
    return _BEYOND if field is None else field
