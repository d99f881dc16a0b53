"""Options that several commands share, and the types of their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Numbers(click.ParamType[tuple[int | float, ...]]):
    """A fixed number of values between commas, as ``2,7``.

    Parameters
    ----------
    names
        What each value is, for the help.
    kind
        Type of the values.
    """

    def __init__(self, names: str, kind: type[int] | type[float]) -> None:
        self.name = names
        self._count = names.count(",") + 1
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int | float, ...]:
        """Split and convert."""
        try:
            numbers = tuple(self._kind(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != self._count:
            self.fail(f"{value!r} is not of the form {self.name}", param, ctx)
        return numbers


class NamedNumber(click.ParamType[tuple[str, float]]):
    """A name and its value, as ``chi2=30``."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Split and convert."""
        name, _, number = str(value).partition("=")
        try:
            return name, float(number)
        except ValueError:
            self.fail(f"{value!r} is not of the form NAME=VALUE", param, ctx)


def slide_arguments(command: Command) -> Command:
    """One slide of two or more planes, or two slides of one plane each."""
    command = click.argument("second", required=False, metavar="[SLIDE2]")(command)
    return click.argument("slide", metavar="SLIDE")(command)


def reading_options(command: Command) -> Command:
    """Which planes, which part, and what the slide does not say of itself."""
    for option in (
        click.option("--region", type=Numbers("Y,X,H,W", int), help="Part of the level, in pixels."),
        click.option("--level", type=int, default=0, help="Level of the slide to refocus; 0 is the finest."),
        click.option("--mpp", type=float, help="µm per pixel of level 0, where the slide does not say."),
        click.option("--z", "z_um", type=Numbers("Z1,Z2", float), help="Heights in µm of two files' planes."),
        click.option("--defocus-offset", "defocus_offset_um", type=float, metavar="UM",
                     help="ΔD: distance of each shot from the initial focal plane, to choose planes by."),
        click.option("--planes", type=Numbers("A,B", int), help="Indices of the two planes to use."),
    ):  # fmt: skip
        command = option(command)
    return command


def speaking_options(command: Command) -> Command:
    """How much to say, and in which form."""
    command = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")(command)
    command = click.option("-v", "--verbose", count=True, help="Say more; -vv for everything.")(command)
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")(command)
