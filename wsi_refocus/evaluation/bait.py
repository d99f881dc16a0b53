"""Bait for hallucination: pairs of shots that no method can or should refocus."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from wsi_refocus.evaluation.case import Case, Pixels
from wsi_refocus.evaluation.simulated import FADE, FIELD, MARGIN, case_of
from wsi_refocus.methods import ShotGeometry
from wsi_refocus.optics.scanner import Acquisition, draw_acquisition, scan
from wsi_refocus.optics.specimen import Image, draw_section, faded, smooth_noise
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.training.manifest import Entry, random_part

OFFSET_UM = 0.75
"""ΔD that the cases say."""
NEAREST_UM, FARTHEST_UM = 6.0, 12.0
"""Drifts of what is far out of focus, either way."""

_FAR_MARGIN = 64
_GLYPHS = "ABCDEFGHJKLMNPRSTUVWXYZabdefghkmnrst0123456789#/-+"
_WORST_QUALITY = 3
_MIDDLE_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Bait:
    """A case that should be refused.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    detail : str
        What it is in particular.
    case : Case
        Its truth is what a perfect system might give, or the sharper shot where nothing is known.
    """

    kind: str
    detail: str
    case: Case


def bait_cases(entries: Sequence[Entry], count_each: int, seed: int = 0) -> list[Bait]:
    """Make cases of every kind.

    Parameters
    ----------
    entries
        Images, which are taken in turns.
    count_each
        Number of cases of each kind.
    seed
        Seed of everything random.

    Returns
    -------
    list of Bait
        By kind, in the order of `KINDS`.
    """
    return [bait(entries, kind, number, seed) for kind in KINDS for number in range(count_each)]


def bait(entries: Sequence[Entry], kind: str, number: int, seed: int = 0) -> Bait:
    """Make one case.

    ``far out of focus``: both shots about 6-12 µm away from the section. ``blank glass``: noise and a little shading.
    ``text``: a label or pen strokes on glass or on tissue, both shots blurred by a Gaussian or not at all. ``broken
    JPEG``: one shot comes from a damaged, cut or very coarse file. ``two places``: shots of two places of one slide or
    of two. ``one plane twice``: both shots at one height, the same pixels or taken anew. ``planes swapped``: the upper
    plane is said to be the lower one.

    Parameters
    ----------
    entries
        Images, which are taken in turns.
    kind
        One of `KINDS`.
    number
        Which of the cases of this kind; each has a seed of its own.
    seed
        Seed of everything random.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    if kind not in _MAKERS:
        raise ValueError(f"there is no bait {kind!r}; choose from {', '.join(KINDS)}")
    generator = np.random.default_rng([seed, number, 10 + KINDS.index(kind)])
    detail, case = _MAKERS[kind](entries, number, generator)
    return Bait(kind, detail, case)


def _far(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    drift = float(generator.choice((-1, 1)) * generator.uniform(NEAREST_UM, FARTHEST_UM))
    acquisition = replace(_acquisition(generator), drift_um=drift)
    # nearly coherent light stays sharp over that way
    optics = replace(acquisition.optics, condenser_ratio=float(generator.uniform(0.5, 0.95)))
    acquisition = replace(acquisition, optics=optics)
    return f"{drift:+.1f} µm", _simulated(entries, number, acquisition, generator, _FAR_MARGIN)


def _glass(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    mpp = entries[number % len(entries)].mpp
    noise = float(generator.uniform(0.5, 4))
    view = np.full((FIELD, FIELD, 3), generator.uniform(225, 250), np.float32)
    view *= generator.uniform(0.985, 1.015, 3).astype(np.float32)
    view += (generator.uniform(0, 1.5) * smooth_noise((FIELD, FIELD), 60, generator))[..., np.newaxis]
    quality = int(generator.integers(78, 97)) if generator.random() < 0.5 else None
    first, second = (_compressed(_noisy(view, noise, generator), quality) for _ in range(2))
    case = Case("blank glass", first, second, _levels(view), ShotGeometry(OFFSET_UM, mpp), 0.0)
    return f"noise of {noise:.1f} grey levels", case


def _text(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    from scipy.ndimage import gaussian_filter

    entry = entries[number % len(entries)]
    on_tissue, pen = bool(number % 2), bool(number // 2 % 2)
    if on_tissue:
        under = random_part(entry.read(), FIELD, generator)
    else:
        under = np.full((FIELD, FIELD, 3), round(generator.uniform(225, 250)), np.uint8)
    truth = _with_strokes(under, generator) if pen else _with_glyphs(under, generator)
    sharp = generator.random() < 0.25
    blurs = (0.0, 0.0) if sharp else tuple(generator.uniform(0.7, 4, 2).tolist())
    shots = [_noisy(gaussian_filter(truth.astype(np.float32), (blur, blur, 0)), 0.8, generator) for blur in blurs]
    what = f"{'pen' if pen else 'print'} on {'tissue' if on_tissue else 'glass'}, blurred by {blurs[0]:.1f} and "
    case = Case(entry.path.name, shots[0], shots[1], truth, ShotGeometry(OFFSET_UM, entry.mpp), 0.0)
    return what + f"{blurs[1]:.1f} px", case


def _broken(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    case = _simulated(entries, number, _acquisition(generator), generator)
    damage = ("damaged", "cut", "coarse")[number % 3]
    side = "first" if generator.random() < 0.5 else "second"
    shot = case.first if side == "first" else case.second
    broken = _compressed(shot, _WORST_QUALITY) if damage == "coarse" else _spoilt(shot, damage, generator)
    case = replace(case, first=broken) if side == "first" else replace(case, second=broken)
    return f"{side} shot {damage}", case


def _two_places(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    acquisition, same = _acquisition(generator), number % 2 == 0
    physics = int(generator.integers(2**31))  # stain and phase are not what tells them apart
    one, other = (
        _simulated(entries, place, acquisition, generator, physics=physics)
        for place in (number, number if same else number + 1)
    )
    # turned, as the parts of a small image may be nearly the same place
    case = replace(one, second=np.rot90(other.second).copy())
    return "one image" if same else "two images", replace(case, truth=_sharper(case))


def _twice(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    acquisition = replace(_acquisition(generator), stage_scale=0.0)  # the stage does not move
    case, anew = _simulated(entries, number, acquisition, generator), bool(number % 2)
    return ("taken anew", case) if anew else ("the same pixels", replace(case, second=case.first))


def _swapped(entries: Sequence[Entry], number: int, generator: np.random.Generator) -> tuple[str, Case]:
    case = _simulated(entries, number, _acquisition(generator), generator)
    return f"drift of {case.drift_um:+.1f} µm", replace(case, first=case.second, second=case.first)


_MAKERS: dict[str, Callable[[Sequence[Entry], int, np.random.Generator], tuple[str, Case]]] = {
    "far out of focus": _far,
    "blank glass": _glass,
    "text": _text,
    "broken JPEG": _broken,
    "two places": _two_places,
    "one plane twice": _twice,
    "planes swapped": _swapped,
}
KINDS = tuple(_MAKERS)
"""Kinds of bait."""


def _acquisition(generator: np.random.Generator) -> Acquisition:
    """Acquisition as it occurs, but by the weak-object model, which is quick and has no ghosts far from focus."""
    drawn = draw_acquisition(generator)
    return replace(drawn, model="weak", defocus_offset_um=OFFSET_UM, drift_um=float(generator.normal(0, 1)))


def _simulated(
    entries: Sequence[Entry],
    number: int,
    acquisition: Acquisition,
    generator: np.random.Generator,
    margin: int = MARGIN,
    physics: int | None = None,
) -> Case:
    """Case of an image; what kind of section it is can have a seed of its own."""
    entry = entries[number % len(entries)]
    part = random_part(entry.read(), FIELD + 2 * margin, generator)
    section = draw_section(part, entry.mpp, generator if physics is None else np.random.default_rng(physics))
    shots = scan(faded(section, FADE), entry.mpp, acquisition, generator, margin)
    return case_of(entry, shots, OFFSET_UM, acquisition.drift_um)


def _with_glyphs(under: Pixels, generator: np.random.Generator) -> Pixels:
    """Lines of random glyphs over a picture, all of one size from 8 to 48 px, slanted."""
    size = float(np.exp(generator.uniform(np.log(8), np.log(48))))
    font = ImageFont.load_default(size)
    layer = Picture.new("L", (2 * FIELD, 2 * FIELD))
    draw = ImageDraw.Draw(layer)
    for y in np.arange(0, 2 * FIELD, 1.3 * size):
        line = "".join(generator.choice(list(_GLYPHS + "   "), round(3.5 * FIELD / size)))
        draw.text((0, float(y)), line, fill=255, font=font)
    return _inked(under, layer.rotate(float(generator.uniform(-20, 20)), Picture.Resampling.BICUBIC), generator)


def _with_strokes(under: Pixels, generator: np.random.Generator) -> Pixels:
    """A few curved strokes of a pen over a picture, 3 to 30 px wide."""
    width = round(float(np.exp(generator.uniform(np.log(3), np.log(30)))))
    layer = Picture.new("L", (2 * FIELD, 2 * FIELD))
    draw = ImageDraw.Draw(layer)
    for _ in range(int(generator.integers(2, 6))):
        steps = generator.normal(0, 1, (60, 2)).cumsum(axis=0).cumsum(axis=0)  # a walk that turns slowly
        reach = FIELD / max(1.0, float(np.ptp(steps, axis=0).max()))
        path = (steps - steps.mean(axis=0)) * reach + FIELD + generator.uniform(-0.3, 0.3, 2) * FIELD
        points = [(float(x), float(y)) for y, x in path]
        draw.line(points, fill=255, width=width, joint="curve")
    return _inked(under, layer, generator)


def _inked(under: Pixels, layer: Picture.Image, generator: np.random.Generator) -> Pixels:
    """Picture with ink, which takes light as a dye does, in the middle of a layer of twice the size."""
    half = FIELD // 2
    ink = np.asarray(layer, np.float32)[half : half + FIELD, half : half + FIELD, np.newaxis] / np.float32(255)
    colour = generator.uniform(0.2, 1, 3) * generator.uniform(1, 2.5)
    return _levels(under.astype(np.float32) * np.exp(-ink * colour))


def _spoilt(shot: Pixels, damage: str, generator: np.random.Generator) -> Pixels:
    """What a decoder makes of a JPEG file with wrong bytes in its data, or without its end."""
    stream = io.BytesIO()
    Picture.fromarray(shot).save(stream, "JPEG", quality=_MIDDLE_QUALITY)
    data = bytearray(stream.getvalue())
    begins = data.rfind(b"\xff\xda") + 14  # past the header of the scan
    if damage == "cut":
        return _decoded(bytes(data[: begins + int((len(data) - begins) * generator.uniform(0.2, 0.7))]))
    for place in generator.integers(begins, len(data) - 2, 12):
        if 0xFF not in data[place - 1 : place + 2]:  # a marker would end the scan
            data[place] = int(generator.integers(0xFF))
    return _decoded(bytes(data))


def _decoded(data: bytes) -> Pixels:
    with Picture.open(io.BytesIO(data + b"\xff\xd9")) as picture:  # an end, without which Pillow refuses the file
        return np.asarray(picture.convert("RGB"))


def _compressed(shot: Pixels, quality: int | None) -> Pixels:
    if quality is None:
        return shot
    stream = io.BytesIO()
    Picture.fromarray(shot).save(stream, "JPEG", quality=quality)
    return np.asarray(Picture.open(stream))


def _sharper(case: Case) -> Pixels:
    return case.first if brenner_gradient(case.first) >= brenner_gradient(case.second) else case.second


def _noisy(view: Image, noise: float, generator: np.random.Generator) -> Pixels:
    noisy: Image = view + np.float32(noise) * generator.standard_normal(view.shape, dtype=np.float32)
    return _levels(noisy)


def _levels(view: NDArray[np.floating]) -> Pixels:
    levels: Pixels = np.clip(view + 0.5, 0, 255).astype(np.uint8)
    return levels
