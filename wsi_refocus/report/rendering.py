"""Pages that need nothing but themselves: templates, style and script in one HTML document."""

from __future__ import annotations

import base64
import hashlib
import math
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from wsi_refocus import __version__

if TYPE_CHECKING:  # runs that write no page do without
    from jinja2 import Environment

REPORT_PACKAGE = "wsi_refocus.report"
"""Package whose templates all pages share."""
NOT_MEASURED = "–"
"""What a page shows for a number that is not known."""


def render(template: str, *, package: str = REPORT_PACKAGE, script: str = "slider.js", **content: Any) -> str:
    """Fill a template; what is not ``Markup`` is escaped.

    Parameters
    ----------
    template
        Name of a file in ``templates``.
    package
        Whose folder ``templates`` that is; what is not found there is looked for here.
    script
        Name of the file there with the page's script, the only one that it may run.
    **content
        What the template shows.

    Returns
    -------
    str
        An HTML document.
    """
    from markupsafe import Markup

    environment = _environment(package)
    source = environment.get_template(script).render()
    digest = base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")
    page = environment.get_template(template).render(
        script=Markup(source),  # noqa: S704 - our own file
        script_hash=f"sha256-{digest}",
        **content,
    )
    return page + "\n"


def number(value: float | None, digits: int = 2, signed: bool = False) -> str:
    """Write a number for people: fixed digits, a true minus sign, and a dash for what is not known.

    Parameters
    ----------
    value
        Number; NaN, infinity and None are not known.
    digits
        Digits after the point.
    signed
        Whether a plus sign is written, too.
    """
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    text = f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def data_uri(content: bytes, kind: str) -> str:
    """Address that is its own content.

    Parameters
    ----------
    content
        The file.
    kind
        Media type, as ``image/png``.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


@lru_cache
def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(each, "templates") for each in (package, REPORT_PACKAGE)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files(REPORT_PACKAGE).joinpath("style.css").read_text(encoding="utf-8")
    environment.filters["number"] = number
    environment.globals |= {"version": __version__, "style": Markup(style)}  # noqa: S704 - our own file
    return environment
