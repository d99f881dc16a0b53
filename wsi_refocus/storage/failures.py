"""What went wrong at a server, told from the errors of many libraries, in words that hold no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from wsi_refocus.storage.urls import public

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP states that pass when one waits."""
_NETWORK_LIBRARIES = ("aiohttp", "botocore", "aiobotocore", "requests", "urllib3", "http.client")
_CUT = re.compile(
    r"Connection|Timeout|Disconnected|Payload|Incomplete|Streaming|HTTPClientError|ResponseParser|OSError"
)
"""Names of those libraries' errors that tell of the network, not of the request."""
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")
_LONGEST = 80


class ChangedObjectError(Exception):
    """An object that is another than when it was opened."""


def status_of(error: BaseException) -> int | None:
    """HTTP state behind an error; None if no server said one."""
    for each in _chain(error):
        if type(each).__module__ == "aiohttp.http_exceptions":  # says 400 of answers that are cut short
            continue
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            status = getattr(each, "status", None)
            if status is None:
                status = getattr(each, "code", None)
        if isinstance(status, int | str) and str(status).isdigit() and 100 <= int(status) <= 599:
            return int(status)
    return None


def is_missing(error: BaseException) -> bool:
    """Whether the server says that there is no such object."""
    return isinstance(error, FileNotFoundError) or status_of(error) in (404, 410)


def is_denied(error: BaseException) -> bool:
    """Whether the server refuses access."""
    return isinstance(error, PermissionError) or status_of(error) in (401, 403) or _no_credentials(error)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed when it is made again."""
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT
    return any(isinstance(each, ConnectionError | TimeoutError) or _is_cut(each) for each in _chain(error))


def reason(error: BaseException) -> str:
    """What went wrong, in a few words without secrets.

    Messages of libraries may hold signed URLs, as of a redirection; of these only the place is left.
    """
    status = status_of(error)
    if _no_credentials(error):
        return "no credentials were found"
    if is_missing(error):
        return "there is no such file"
    if is_denied(error):
        return "access is denied"
    if status is not None:
        named = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown"
        return f"HTTP {status} {named}"
    chain = list(_chain(error))
    if any(isinstance(each, TimeoutError) or "Timeout" in type(each).__name__ for each in chain):
        return "the server was silent for too long"
    if any(isinstance(each, ConnectionRefusedError) or "Connector" in type(each).__name__ for each in chain):
        return "its server does not answer"
    if any("EndpointConnection" in type(each).__name__ for each in chain):
        return "its server does not answer"
    if is_transient(error):
        return "the connection was cut"
    lines = str(error).strip().splitlines()
    return _URL.sub(lambda found: public(found[0]), lines[0])[:_LONGEST] if lines else type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        yield following
        seen.add(id(following))
        following = following.__cause__ or following.__context__


def _is_cut(error: BaseException) -> bool:
    kind = type(error)
    return kind.__module__.startswith(_NETWORK_LIBRARIES) and bool(_CUT.search(kind.__name__))


def _no_credentials(error: BaseException) -> bool:
    return any("Credential" in type(each).__name__ for each in _chain(error))
