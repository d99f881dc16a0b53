"""Things that are costly to open, kept open for as long as they are in use, and a few of them for longer."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class _Entry(Generic[Value]):
    """One that is open, or being opened."""

    users: int = 0
    value: Value | None = None
    opening: threading.Lock = field(default_factory=threading.Lock)


class KeptOpen(Generic[Key, Value]):
    """Opens each once for all threads; of those that nobody uses, the ones used last stay open.

    Parameters
    ----------
    close
        Closes one.
    idle
        How many stay open that nobody uses.
    """

    def __init__(self, close: Callable[[Value], None], idle: int) -> None:
        self._close, self._idle = close, idle
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def use(self, key: Key, make: Callable[[], Value]) -> Iterator[Value]:
        """Have one open within the block.

        Parameters
        ----------
        key
            What it is.
        make
            Opens it, where it is not open yet. Others may be opened and used at the same time.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            entry.users += 1
            self._entries.move_to_end(key)
        try:
            with entry.opening:
                if entry.value is None:
                    entry.value = make()
            yield entry.value
        finally:
            with self._lock:
                entry.users -= 1
                surplus = self._taken_out(self._idle)
            self._close_all(surplus)

    def release(self, wanted: Callable[[Key], bool] = lambda key: True) -> None:
        """Close what nobody uses.

        Parameters
        ----------
        wanted
            Of which keys.
        """
        with self._lock:
            surplus = self._taken_out(0, wanted)
        self._close_all(surplus)

    def _taken_out(self, stay: int, wanted: Callable[[Key], bool] = lambda key: True) -> list[_Entry[Value]]:
        """Take out those that nobody uses, the ones used longest ago first, until so many are left."""
        unused = [key for key, entry in self._entries.items() if entry.users == 0 and wanted(key)]
        return [self._entries.pop(key) for key in unused[: max(0, len(unused) - stay)]]

    def _close_all(self, entries: list[_Entry[Value]]) -> None:
        for entry in entries:
            if entry.value is not None:
                self._close(entry.value)
