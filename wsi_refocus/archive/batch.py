"""Refocusing an archive: plan, ledger, workers and overview put together."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsi_refocus.archive.claims import LEASE_SECONDS, Claims
from wsi_refocus.archive.delivery import Delivered, Delivery, deliver, is_delivered
from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import LEDGER_FOLDER, Ledger, SlideRecord
from wsi_refocus.archive.outcome import facts_of, pictures_of
from wsi_refocus.archive.runner import ArchiveRunner, Display
from wsi_refocus.archive.sizes import largest_first
from wsi_refocus.config import OF_THE_WORK, RunSettings, make_settings
from wsi_refocus.errors import OutputExistsError, RefocusError, UsageError
from wsi_refocus.methods import make_method
from wsi_refocus.pipeline.engine import Engine
from wsi_refocus.pipeline.prepare import method_of
from wsi_refocus.pipeline.progress import Progress
from wsi_refocus.pipeline.refocus import start_engine
from wsi_refocus.report.contents import read_contents
from wsi_refocus.storage.urls import is_remote

logger = logging.getLogger(__name__)

OF_THE_BATCH = OF_THE_WORK | {"device"}
"""Settings that hold for all slides of a batch alike."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How an archive is worked through.

    Attributes
    ----------
    settings : RunSettings
        Settings of all slides, as far as a slide has none of its own.
    delivery : Delivery
        What is done beside refocusing.
    retries : int
        How often a slide that failed is tried again.
    in_flight : int or None
        Slides in hand at once; None for as many as it takes to give every worker something to do.
    lease_seconds : float
        Time without a sign of life after which a slide is taken over from another machine.
    """

    settings: RunSettings = field(default_factory=RunSettings)
    delivery: Delivery = field(default_factory=Delivery)
    retries: int = 2
    in_flight: int | None = None
    lease_seconds: float = LEASE_SECONDS


def default_ledger(entries: Sequence[Entry], output: str | None) -> Path:
    """Folder of the ledger where none is named: in the output folder, or in the one that holds all outputs.

    Raises
    ------
    UsageError
        If the outputs are not in a file system.
    """
    places = [entry.output for entry in entries] if output is None else [output]
    if any(is_remote(place) for place in places):
        raise UsageError(
            "outputs in a bucket have no place for the ledger; name a folder that all machines see (--ledger)"
        )
    if output is not None:
        return Path(output).absolute() / LEDGER_FOLDER
    if not places:
        raise UsageError("there is nothing to refocus")
    return Path(os.path.commonpath([Path(place).absolute().parent for place in places])) / LEDGER_FOLDER


def refocus_archive(
    entries: Sequence[Entry], options: BatchOptions, ledger: Ledger, display: Display
) -> list[SlideRecord]:
    """Refocus all slides of an archive, those that are done already left out.

    Several processes may work through the same entries with the same ledger: they share them.

    Parameters
    ----------
    entries
        The slides.
    options
        How they are worked through.
    ledger
        Where it is kept what became of each.
    display
        Receiver of the progress.

    Returns
    -------
    list of SlideRecord
        What the ledger now knows of these slides, in their order.

    Raises
    ------
    UsageError
        If the settings of a slide are wrong.
    CheckpointError
        If the weights cannot be used.
    ClusterLostError, NoSpaceError
        What ends the work on all slides; the same call continues.
    """
    settings = {entry.key: settings_of(entry, options.settings) for entry in entries}
    _check_method(options.settings)
    ledger.add(entries)

    def refocus(entry: Entry, engine: Engine, progress: Progress) -> dict[str, Any]:
        return _refocus(entry, settings[entry.key], options.delivery, ledger, engine, progress)

    def asked(entry: Entry) -> dict[str, Any]:
        return settings[entry.key].of_the_result() | {"overwrite": options.settings.overwrite}

    with contextlib.ExitStack() as stack:
        ArchiveRunner(
            largest_first(entries),
            Claims(ledger, options.retries, asked, lease_seconds=options.lease_seconds),
            lambda: start_engine(stack, options.settings),
            refocus,
            lambda entry: is_delivered(entry.output, options.delivery),
            display,
            options.in_flight,
        ).run()
    return [ledger.record(entry.key) for entry in entries]


def settings_of(entry: Entry, common: RunSettings) -> RunSettings:
    """Settings of one slide: those of all, and its own.

    Raises
    ------
    UsageError
        If its own are wrong, or are none that one slide can have.
    """
    wrong = OF_THE_BATCH & entry.options.keys()
    if wrong:
        raise UsageError(
            f"{entry.slide}: {', '.join(sorted(wrong))} cannot differ from slide to slide ({entry.origin})"
        )
    try:
        return make_settings(**common.model_dump() | dict(entry.options))
    except UsageError as error:
        raise UsageError(f"{entry.slide}: {error} ({entry.origin})") from None


def _check_method(settings: RunSettings) -> None:
    """Refuse weights or a profile that cannot be used before thousands of slides fail because of them."""
    make_method(method_of(settings, "cpu"))


def _refocus(
    entry: Entry, settings: RunSettings, delivery: Delivery, ledger: Ledger, engine: Engine, progress: Progress
) -> dict[str, Any]:
    """Refocus one slide, and say what the ledger is to keep of it."""
    facts: dict[str, Any] = {}

    def look(folder: Path) -> None:
        try:
            contents = read_contents(folder)
            facts.update(facts_of(contents))
            for name, content in pictures_of(contents):
                ledger.keep_picture(entry.key, name, content)
        except RefocusError as error:
            logger.warning("%s: finished, but without a picture in the overview: %s", entry.key, error)

    def once(how: RunSettings) -> Delivered:
        return deliver(
            entry.slide, entry.second, entry.output, how, delivery,
            progress=progress, engine=engine, accept_finished=True, look=look,
        )  # fmt: skip

    try:  # what is finished or begun with the same settings is taken as it is, even where others may be replaced
        delivered = once(settings.model_copy(update={"overwrite": False}))
    except OutputExistsError:
        if not settings.overwrite:
            raise
        delivered = once(settings)
    return delivered.to_json() | facts
