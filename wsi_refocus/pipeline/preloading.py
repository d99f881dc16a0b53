"""Imported by the process that workers are forked from: imports what they need, as its environment names it."""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress
from importlib import import_module

# Ctrl-C is for the process that leads, which ends its workers: they are born deaf to it
signal.signal(signal.SIGINT, signal.SIG_IGN)
for _name in os.environ.get("WSI_REFOCUS_PRELOAD", "").split():
    with suppress(ImportError):  # who needs it will say what is wrong
        import_module(_name)
gc.freeze()  # what is looked through by no worker stays shared between them
