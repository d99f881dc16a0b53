"""Names of slides that lie behind a URL, and what a URL must not carry."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePath
from urllib.parse import SplitResult, parse_qsl, urlsplit

from wsi_refocus.errors import UsageError

_SECRET = re.compile(
    r"^(x-amz-|x-goog-|awsaccesskeyid$|sig$|key$|auth$|code$)|token|signature|secret|credential|passw|api-?_?key", re.I
)
"""Names of the parameters of a signed URL, as object stores and web servers use them."""
_NAMED_USERS = frozenset({"abfs", "abfss", "az", "adl", "wasb", "wasbs", "sftp", "ssh", "ftp", "hdfs", "webhdfs"})
"""Schemes in which a name before the @ is a container or an account, not a key."""
_USUAL_PLACES = (
    "keep them where the storage's own tools look: environment variables such as AWS_PROFILE, ~/.aws, "
    "GOOGLE_APPLICATION_CREDENTIALS, ~/.netrc"
)


def is_remote(path: str) -> bool:
    """Whether a path is a URL."""
    return "://" in path


def is_store_url(path: str) -> bool:
    """Whether a URL names an OME-Zarr, or an image in one, by a part of its path that ends with ``.zarr``.

    Web servers do not tell folders from files, so that names have to.
    """
    return is_remote(path) and any(part.lower().endswith(".zarr") for part in urlsplit(path).path.split("/"))


def name_of(path: str) -> str:
    """Last part of a path or a URL, without what follows a question mark in the latter."""
    if not is_remote(path):
        return PurePath(path).name
    parts = _split(path)
    return posixpath.basename(parts.path.rstrip("/")) or parts.netloc


def parent_of(url: str) -> str:
    """URL of the folder that holds what a URL names; its query stays.

    Raises
    ------
    UsageError
        If it names no file or folder.
    """
    parts = _split(url)
    path = parts.path.rstrip("/")
    if not path:
        raise UsageError(f"{public(url)}: lies in no folder; name something in it")
    return parts._replace(path=posixpath.dirname(path)).geturl()


def join(url: str, *names: str) -> str:
    """URL of something below a URL; its query stays.

    Parameters
    ----------
    url
        Folder.
    *names
        Relative paths below it, with slashes.

    Raises
    ------
    UsageError
        If a name leads out of the folder.
    """
    for name in names:
        if name.startswith("/") or ".." in name.split("/") or is_remote(name):
            raise UsageError(f"{public(url)}: the name {name!r} leads out of it; name something below it")
    parts = _split(url)
    return parts._replace(path="/".join((parts.path.rstrip("/"), *names))).geturl()


def public(url: str) -> str:
    """URL as it may be shown: without user, password, query and fragment."""
    if not is_remote(url):
        return url
    parts = _split(url)
    user, at, host = parts.netloc.rpartition("@")
    if at and (":" in user or parts.scheme.lower() not in _NAMED_USERS):
        return f"{parts.scheme}://{host}{parts.path}"
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def require_public(url: str) -> None:
    """Refuse a URL that carries credentials, as they would come into logs, provenance and ledgers.

    Raises
    ------
    UsageError
        If it carries a password or the signature of a signed URL, or is a chain of URLs.
    """
    if "::" in url:
        raise UsageError(f"{public(url)}: is a chain of URLs; give the URL alone, and --scratch to copy it first")
    parts = _split(url)
    user, at, _ = parts.netloc.rpartition("@")
    if at and (":" in user or parts.scheme.lower() not in _NAMED_USERS):
        raise UsageError(f"{public(url)}: the URL holds a user or a password; {_USUAL_PLACES}")
    for part in (parts.query, parts.fragment):
        pairs = parse_qsl(part.replace(";", "&"), keep_blank_values=True)
        if any(_SECRET.search(name) for name, _ in pairs):
            raise UsageError(f"{public(url)}: the URL is signed or holds a token; {_USUAL_PLACES}")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as a bracket that is not closed
        raise UsageError(f"{url.split('://')[0]}://…: is no URL that can be understood; check it") from None
