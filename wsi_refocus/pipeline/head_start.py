"""A head start for workers: one process imports what they need while the run is still being prepared."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module

from wsi_refocus.pipeline.allocator import ALLOCATOR

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""How workers of this machine come to be. Forking a process that holds torch is safe on Linux only."""

_NEEDED = (
    "distributed.nanny",
    "scipy.fft",
    "scipy.ndimage",
    "skimage.color",
    "skimage.filters",
    "wsi_refocus.pipeline.task",
    "wsi_refocus.pipeline.survey",
    "wsi_refocus.pipeline.worker",
    "wsi_refocus.slide.ome_tiff",
)
_NEEDED_WITH_TORCH = ("torch", "wsi_refocus.network.inference", "wsi_refocus.network.architectures")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1)


def begin(*, with_torch: bool) -> None:
    """Start the process that workers are forked from; it imports in the background.

    Workers come to life with everything imported, share its memory, and cost the imports once for all of them. Where
    such a process is there already, or there can be none, nothing happens: workers import what is missing.
    Ctrl-C is for the process that leads, which ends its workers: they are born deaf to it.

    Parameters
    ----------
    with_torch
        Whether workers will need torch.
    """
    if START_METHOD != "forkserver":
        return
    forkserver = import_module("multiprocessing.forkserver")
    names = (*(_NEEDED_WITH_TORCH if with_torch else ()), *_NEEDED)
    multiprocessing.set_forkserver_preload(["wsi_refocus.pipeline.preloading"])
    import_module("multiprocessing.resource_tracker").ensure_running()  # or it would let interrupts through again
    variables = {**_ONE_THREAD, **ALLOCATOR, "WSI_REFOCUS_PRELOAD": " ".join(names)}
    with _environment(variables), _deaf_to_interrupts():
        forkserver.ensure_running()
    atexit.register(_end)


def _end() -> None:
    """End that process: where this one has nothing to do after all, it would go on to import for seconds."""
    forkserver = sys.modules.get("multiprocessing.forkserver")
    number = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    if number is not None:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGTERM)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Block Ctrl-C for a moment; a process that is started meanwhile, and those forked from it, never hear it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(variables: Mapping[str, object]) -> Iterator[None]:
    """Set variables for what is started meanwhile; they are read as a process begins."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: str(value) for name, value in variables.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
