"""File systems behind URLs, as fsspec has them."""

from __future__ import annotations

import functools
import os
from typing import Any

from wsi_refocus.errors import MissingExtraError, SlideError
from wsi_refocus.storage.urls import public, require_public

CONNECT_SECONDS, READ_SECONDS = 15, 60
"""How long a server may take to take a call, and to send the next bytes."""
_HTTP = frozenset({"http", "https"})
_S3 = frozenset({"s3", "s3a"})


def scheme_of(url: str) -> str:
    """Scheme of a URL, in small letters."""
    return url.split("://", 1)[0].lower()


def is_http(url: str) -> bool:
    """Whether a URL is that of a web server, which lists no folders."""
    return scheme_of(url) in _HTTP


def is_s3(url: str) -> bool:
    """Whether a URL is that of an object in an S3 bucket."""
    return scheme_of(url) in _S3


def filesystem_of(url: str) -> tuple[Any, str]:
    """File system of a URL, and what it calls the place.

    Listings are not kept, so that what others change is seen. Calls that fail are not repeated by the file system
    itself but by `wsi_refocus.storage.retries`, which does it alike for all of them. Credentials come only from the
    places where the storage's own tools look.

    Parameters
    ----------
    url
        URL without credentials.

    Returns
    -------
    filesystem : fsspec.AbstractFileSystem
        The same object for the same kind of URL.
    path : str
        The place, as its functions take it.

    Raises
    ------
    UsageError
        If the URL carries credentials.
    MissingExtraError
        If it needs a package that is not installed.
    SlideError
        If no package knows its scheme.
    """
    require_public(url)
    try:
        filesystem, path = _found(url)
    except ImportError as error:
        raise MissingExtraError(
            f"{public(url)}: remote slides need more packages ({error}); install wsi-refocus[remote] or the "
            "package named"
        ) from error
    except (ValueError, TypeError):
        raise SlideError(
            f"{public(url)}: no installed package knows {scheme_of(url)}://; use s3://, gs:// or https://"
        ) from None
    return filesystem, path


def _found(url: str) -> tuple[Any, str]:
    import fsspec  # type: ignore[import-untyped]

    if not (is_http(url) or is_s3(url)):
        found: tuple[Any, str] = fsspec.core.url_to_fs(url, use_listings_cache=False)
        return found
    filesystem = _shared(scheme_of(url), os.getpid(), _surroundings())
    return filesystem, filesystem._strip_protocol(url)


@functools.lru_cache(maxsize=4)
def _shared(scheme: str, process: int, surroundings: tuple[tuple[str, str], ...]) -> Any:
    """One object a process; fsspec's own memory of them has one a thread, each with its connections."""
    import fsspec

    filesystem = fsspec.filesystem(scheme, skip_instance_cache=True, **_options(f"{scheme}://"))
    if is_s3(f"{scheme}://"):
        filesystem.retries = 1
    return filesystem


def _surroundings() -> tuple[tuple[str, str], ...]:
    """What the storage's tools take from the environment: another file system follows from others."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(("AWS_", "FSSPEC_"))))


def _options(url: str) -> dict[str, Any]:
    from fsspec.config import conf  # type: ignore[import-untyped]

    if is_http(url):
        from aiohttp import ClientTimeout

        given = conf.get("http", {}).get("client_kwargs", {})
        patience = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        return {"client_kwargs": {"timeout": patience, "trust_env": True, **given}, "use_listings_cache": False}
    if is_s3(url):
        given = conf.get("s3", {}).get("config_kwargs", {})
        ours = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retries": {"total_max_attempts": 1}}
        return {"config_kwargs": {**ours, **given}, "use_listings_cache": False}
    return {"use_listings_cache": False}
