"""Imported by the process that workers are forked from: imports what they need, as its environment names it."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from importlib import import_module

for _name in os.environ.get("WSI_REFOCUS_PRELOAD", "").split():
    with suppress(ImportError):  # who needs it will say what is wrong
        import_module(_name)
gc.freeze()  # what is looked through by no worker stays shared between them
