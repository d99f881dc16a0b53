"""Mutation of texts that keeps them well-formed: one number or quoted string becomes another."""

from __future__ import annotations

import random
import re

_VALUE = re.compile(rb'(?<=")[^"<>]{0,80}(?=")|-?\b[0-9]+(?:\.[0-9]+)?\b')
_ODD = (
    *(b"", b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483648", b"99999999999999999999", b"1e999", b"-1e-9"),
    *(b"nan", b"true", b"null", b"../0", b"/etc/passwd", b"[]", b"{}", b"\xc3\x9f", b"uint16", b"<f8", b"|O"),
)


def with_another_value(text: bytes, seed: int) -> bytes:
    """Replace a value, or give it another one's place; the text as it is where it has none."""
    chance = random.Random(seed)  # noqa: S311 - of mutations, not of secrets
    places = [found.span() for found in _VALUE.finditer(text)]
    if not places:
        return text
    start, stop = chance.choice(places)
    if chance.random() < 0.5:
        new = chance.choice(_ODD)
    else:
        other = chance.choice(places)
        new = text[slice(*other)]
    return text[:start] + new + text[stop:]
