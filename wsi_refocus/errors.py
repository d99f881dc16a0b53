"""Errors of the package. Each says in one line what is wrong and what to do, and carries its exit code."""

from __future__ import annotations


class RefocusError(Exception):
    """Base of all errors that a user can act on.

    Attributes
    ----------
    exit_code : int
        Exit code of the command line for this error.
    """

    exit_code: int = 3


class UsageError(RefocusError, ValueError):
    """Options that contradict one another or lie outside their range."""

    exit_code = 2


class SlideError(RefocusError, ValueError):
    """A slide that cannot be used: unreadable, of an unsupported kind, or not a two-shot slide."""


class CorruptRegionError(SlideError):
    """Pixels of one region cannot be decoded; the rest of the slide may be fine."""


class PlanePairError(SlideError):
    """Two planes that do not belong together, or a plane that does not exist."""


class CheckpointError(RefocusError, ValueError):
    """A checkpoint that is damaged, of another architecture or of an unsafe kind."""


class OutputError(RefocusError, OSError):
    """An output that exists already, cannot be written, or belongs to another run."""


class OutputExistsError(OutputError):
    """An output that is there already, finished or begun by another run."""


class NoSpaceError(OutputError):
    """A disk or a quota that is full."""


class ClusterLostError(RefocusError, ConnectionError):
    """The scheduler that the work was given to is gone; what is done is kept."""


class FailedShardsError(RefocusError, RuntimeError):
    """The run came to its end, but some shards could not be made."""

    exit_code = 4


class FailedSlidesError(RefocusError, RuntimeError):
    """A batch came to its end, but some slides could not be refocused."""

    exit_code = 4


class MissingExtraError(RefocusError, ImportError):
    """An optional package that a command needs is not installed."""

    exit_code = 2


class TrainingError(RefocusError, ArithmeticError):
    """A training that came to a dead end; what it had learned before is kept."""
