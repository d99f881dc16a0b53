"""Whether scheduler and workers have the same version of the package."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import Any

from wsi_refocus import __version__
from wsi_refocus.errors import UsageError


def probe() -> Callable[[], tuple[str | None, str]]:
    """Make a function that says which version of the package and of Python a process has.

    It is sent whole, as a local one, so that it can be asked where the package is missing.
    """

    def versions() -> tuple[str | None, str]:
        import platform

        try:
            import wsi_refocus
        except ImportError:
            return None, platform.python_version()
        return wsi_refocus.__version__, platform.python_version()

    return versions


def require_same_versions(client: Any) -> list[str]:
    """Check all processes of a cluster.

    Parameters
    ----------
    client
        Client of the cluster.

    Returns
    -------
    list of str
        What differs and may still work, to be warned of.

    Raises
    ------
    UsageError
        If one has the package in another version, or not at all.
    """
    found: dict[str, Any] = {"the scheduler": client.run_on_scheduler(probe())}
    found |= client.run(probe(), on_error="return")
    return _compared(found)


def _compared(found: Mapping[str, Any]) -> list[str]:
    warnings = []
    for place, answer in found.items():
        if isinstance(answer, BaseException):
            warnings.append(f"{place} does not say which version it has ({answer})")
            continue
        package, python = answer
        if package != __version__:
            theirs = "has no wsi-refocus" if package is None else f"has wsi-refocus {package}"
            raise UsageError(f"{place} {theirs}, this is {__version__}; install {__version__} on the cluster")
        if python.rpartition(".")[0] != platform.python_version().rpartition(".")[0]:
            warnings.append(f"{place} has Python {python}, this is {platform.python_version()}")
    return warnings
