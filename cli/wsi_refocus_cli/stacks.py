"""Focal stacks as commands take them: what a stack does not say is guessed aloud, and slides are divided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wsi_refocus.geometry import Region
    from wsi_refocus.slide.focal_stack import FocalStack


def opened(path: str, z_step_um: float | None, mpp: float | None) -> FocalStack:
    """Open a stack with the scale that was given; as `open_stack`."""
    from wsi_refocus.slide.focal_stack import open_stack

    return open_stack(path, z_step_um, mpp)


def scale_of(stack: FocalStack) -> tuple[tuple[float, ...], float]:
    """Heights of the planes and µm per pixel: what the stack says, or a guess that is named."""
    from wsi_refocus.slide.focal_stack import even_heights

    z_um = stack.z_um or even_heights(len(stack.order), _assumed("z-step", 0.5))
    return z_um, _assumed("mpp", 0.25) if stack.mpp is None else stack.mpp


def regions_of(stack: FocalStack, part: Sequence[int] | None, count: int | None, default: int) -> list[Region]:
    """Fields to look at: a folder of images is one, unless a number of them is asked for; a slide is divided."""
    from wsi_refocus.geometry import Region
    from wsi_refocus.pairing.stack_fields import tissue_fields
    from wsi_refocus.slide.plane_folder import PlaneFolder
    from wsi_refocus.tiling.grid import CELL

    region = None if part is None else Region(*part)
    if isinstance(stack.source, PlaneFolder) and count is None:
        return [Region.whole(stack.size) if region is None else region]
    return tissue_fields(stack, CELL, region, count or default)


def _assumed(name: str, guess: float) -> float:
    click.echo(f"the {name} of the stack is not given; {guess:g} µm is assumed (--{name})", err=True)
    return guess
