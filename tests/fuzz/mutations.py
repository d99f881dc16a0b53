"""Changes of files, as damage and malice make them: of bytes, of JSON, of XML."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

_ODD_VALUES = (
    *(
        None,
        True,
        0,
        -1,
        1,
        2,
        3,
        2**31,
        2**63,
        10**400,
        -1e-300,
        1e308,
        "",
        "0",
        "1",
        "../0",
        "/etc",
        "a\0b",
        "ß" * 300,
    ),
    *([], {}, [[]], [0], [None], {"name": "x"}, {"id": "pickle"}, "uint16", "<f8", "|O", "NaN", "Infinity"),
)

json_values = st.sampled_from(_ODD_VALUES)
"""Values that a document should not hold where another is expected."""


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes, *, within: int | None = None) -> bytes:
    """A file with some bytes replaced, cut out or doubled, in its first ``within`` bytes; or cut short."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        if not changed:
            break
        at = draw(st.integers(0, min(len(changed), within or len(changed)) - 1))
        kind = draw(st.sampled_from(["bit", "bytes", "bytes", "cut", "double", "end"]))
        if kind == "bit":
            changed[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "bytes":
            new = draw(st.sampled_from([b"\0", b"\xff", b"\xff\xff", b"\0\0\0\0", b"\xff" * 4, b"\xff" * 8, b"\x7f"]))
            changed[at : at + len(new)] = new
        elif kind == "cut":
            del changed[at : at + draw(st.integers(1, 16))]
        elif kind == "double":
            changed[at:at] = changed[at : at + 32]
        else:
            del changed[max(at, len(changed) // 2) :]
    return bytes(changed)


@st.composite
def changed_json(draw: st.DrawFn, document: Any) -> Any:
    """A document with one value replaced, taken away or put in another's place."""
    places = list(_places(document)) or [()]
    place = draw(st.sampled_from(places))
    if draw(st.booleans()):
        return _with(document, place, draw(json_values))
    if place and draw(st.booleans()):
        return _without(document, place)
    return _with(document, place, _at(document, draw(st.sampled_from(places))))


@st.composite
def changed_xml(draw: st.DrawFn, text: str) -> str:
    """A document with some values of attributes replaced, or some tags taken away or doubled."""
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.integers(0, 3)):
            found = draw(st.sampled_from(list(re.finditer(r'(?<==")[^"]*(?=")', text))))
            new = str(draw(json_values)).replace('"', "").replace("\0", "").replace("<", "")
        else:
            found = draw(st.sampled_from(list(re.finditer(r"<[A-Z][^<>]*/>", text)) or [re.match("", text)]))
            new = found[0] * draw(st.sampled_from([0, 2, 50]))
        text = text[: found.start()] + new + text[found.end() :]
    return text


def _places(value: Any, place: tuple[Any, ...] = ()) -> Any:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy


def _without(value: Any, place: tuple[Any, ...]) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(place) == 1:
        del copy[place[0]]
    else:
        copy[place[0]] = _without(value[place[0]], place[1:])
    return copy
