"""What stays open, and for how long."""

import threading
import time

import pytest

from wsi_refocus.pipeline.kept_open import KeptOpen


class _Shelf:
    """Things that remember whether they are open, and a keeper of them."""

    def __init__(self, idle: int) -> None:
        self.open: list[str] = []
        self.made: list[str] = []
        self.kept: KeptOpen[str, str] = KeptOpen(self.open.remove, idle)

    def make(self, name: str) -> str:
        time.sleep(0.02)
        self.made.append(name)
        self.open.append(name)
        return name

    def use(self, name: str) -> None:
        with self.kept.use(name, lambda: self.make(name)):
            assert name in self.open


def test_the_ones_used_last_stay_open() -> None:
    shelf = _Shelf(2)
    for name in ("a", "b", "a", "c"):
        shelf.use(name)
    assert sorted(shelf.open) == ["a", "c"]
    assert shelf.made == ["a", "b", "c"]


def test_what_is_in_use_is_not_closed() -> None:
    shelf = _Shelf(0)
    with shelf.kept.use("a", lambda: shelf.make("a")):
        shelf.use("b")
        shelf.kept.release()
        assert shelf.open == ["a"]
    assert shelf.open == []


def test_only_what_is_wanted_is_released() -> None:
    shelf = _Shelf(4)
    for name in ("a", "b", "c"):
        shelf.use(name)
    shelf.kept.release(lambda name: name == "b")
    assert shelf.open == ["a", "c"]


def test_threads_share_one() -> None:
    shelf = _Shelf(1)
    threads = [threading.Thread(target=shelf.use, args=(name,)) for name in ("a", "a", "b", "a", "b", "a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(shelf.made) == ["a", "b"]
    assert len(shelf.open) == 1


def test_what_cannot_be_opened_is_tried_again() -> None:
    shelf = _Shelf(1)

    def fail() -> str:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), shelf.kept.use("a", fail):
        pass
    shelf.use("a")
    assert shelf.open == ["a"]
