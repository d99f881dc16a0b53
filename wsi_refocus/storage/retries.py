"""Trying again what fails because a server or a network is busy for a moment."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from wsi_refocus.errors import RefocusError
from wsi_refocus.storage.failures import is_transient, reason
from wsi_refocus.storage.urls import public

logger = logging.getLogger(__name__)

TRIES = 5
"""How often a request is made at most."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
"""Seconds before the second try, which are doubled each time, and their limit."""

T = TypeVar("T")


def retried(action: Callable[[], T], url: str) -> T:
    """Do something with a server, again if it fails for a reason that may pass.

    Parameters
    ----------
    action
        What is done.
    url
        Place, for the log.

    Returns
    -------
    object
        What ``action`` returns.

    Raises
    ------
    Exception
        What ``action`` raised the last time.
    """
    for attempt in range(1, TRIES):
        try:
            return action()
        except RefocusError:
            raise
        except Exception as error:  # file systems raise errors of many libraries, which have no base in common
            if not is_transient(error):
                raise
            longest = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
            wait = longest * random.uniform(0.75, 1.25)  # noqa: S311 - so that many workers do not come back at once
            logger.debug("%s: %s at try %d; again in %.2f s", public(url), reason(error), attempt, wait)
            time.sleep(wait)
    return action()
