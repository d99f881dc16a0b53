"""Tuning the bundled network to one scanner, on a part of a focal stack and on simulations around its optics."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wsi_refocus.errors import CheckpointError
from wsi_refocus.evaluation.case import Case
from wsi_refocus.methods import ShotGeometry, bank_for
from wsi_refocus.network.checkpoint import load_network, save_checkpoint
from wsi_refocus.network.dual_plane import DualPlaneFilters, Guesses
from wsi_refocus.network.lite import TsvaLite
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.zoo import default_checkpoint
from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.optics.scanner import draw_acquisition, scan
from wsi_refocus.optics.specimen import draw_lenses, draw_section, draw_smear, faded
from wsi_refocus.training.config import TrainingSettings
from wsi_refocus.training.fields import Fields, candidates_of
from wsi_refocus.training.fit import fit_to_fields
from wsi_refocus.training.manifest import random_part

STEPS = 800
_STEPS_A_FIELD = 16
_EDGE = 176
_MARGIN = 24
_FADE = 10
_STACK_SHARE = 2
"""How often patches are cut from the stack, for once from a simulation."""


def tune(
    cases: Sequence[Case],
    profile: OpticsProfile,
    path: Path,
    steps: int = STEPS,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Tune the bundled network.

    Parameters
    ----------
    cases
        Pairs of planes of one stack, cut to what may be learned from.
    profile
        Optics fitted to them.
    path
        Checkpoint to write.
    steps
        Optimiser steps.
    progress
        Called with 1 for each of them.

    Returns
    -------
    Path
        The checkpoint.
    """
    network = load_network(default_checkpoint())
    if not isinstance(network, TsvaLite):
        raise CheckpointError("the bundled network is not fed by optics, so there is nothing to tune")
    guesses = network.config.guesses
    real = _fields_of(cases, lambda shots: bank_for(shots, guesses, profile))
    count = max(2, steps // _STEPS_A_FIELD)
    simulated = [_simulated(cases, profile, guesses, number) for number in range(count)]
    mixed = [*real * max(1, _STACK_SHARE * len(simulated) // len(real)), *simulated]
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingSettings(
            manifest="",
            output=folder,
            steps=steps,
            every=steps,
            patch=min(96, min(cases[0].truth.shape[:2]) // 16 * 16),
            learning_rate=3e-4,
            average=0.99,
            exchange=False,
            device="cpu",
        )
        tuned = fit_to_fields(network, mixed, simulated[:2], settings, progress)
    card = ModelCard(
        summary="TSVA-lite tuned to one scanner by wsi-refocus calibrate, for use with the profile beside it.",
        data="Those of the bundled network; then a part of one focal stack, and simulations around its optics.",
        licence="That of the focal stack's owner; the bundled network is Apache-2.0.",
        training={"steps": str(steps), "simulated fields": str(count), "pairs of the stack": str(len(real))},
        limits="For slides of this scanner only, and of specimens like the stack's.",
    )
    return save_checkpoint(path, tuned, card)


def _fields_of(cases: Sequence[Case], bank: Callable[[ShotGeometry], DualPlaneFilters]) -> list[Fields]:
    """A stack's own pairs, as fields that patches are cut from."""
    return [
        Fields(
            np.stack([case.first, case.second, case.truth, case.truth])[np.newaxis],
            candidates_of(case.first, case.second, bank(case.shots))[np.newaxis],
            np.array([case.drift_um]),
        )
        for case in cases
    ]


def _simulated(cases: Sequence[Case], profile: OpticsProfile, guesses: Guesses, number: int) -> Fields:
    """A field by optics near the fitted ones: of the stack's own plane in focus, or of a drawn smear."""
    generator = np.random.default_rng([7, number])
    case = cases[number % len(cases)]
    mpp, edge = case.shots.mpp, _EDGE + 2 * _MARGIN
    smear = bool(number % 2)
    if smear:
        specimen = (draw_lenses if number % 4 == 1 else draw_smear)(edge, mpp, generator)
    else:
        specimen = draw_section(random_part(case.truth, edge, generator), mpp, generator)
    optics = replace(
        profile.optics,
        numerical_aperture=float(np.clip(profile.optics.numerical_aperture * generator.normal(1, 0.03), 0.1, 0.95)),
        condenser_ratio=float(np.clip(profile.optics.condenser_ratio * generator.normal(1, 0.05), 0.1, 1)),
    )
    acquisition = replace(
        draw_acquisition(generator, smear=smear),
        optics=optics,
        defocus_offset_um=case.shots.offset_um,
        drift_um=float(generator.uniform(-1, 1)) * case.shots.offset_um,
        stage_scale=profile.stage_scale,
    )
    shots = scan(faded(specimen, _FADE), mpp, acquisition, generator, _MARGIN)
    bank = bank_for(
        case.shots, guesses, replace(profile, focus_offset_um=0.0)
    )  # its truth lies in the optics' own focus
    pixels = np.stack([shots.first, shots.second, shots.truth, shots.truth_of_second])
    candidates = candidates_of(shots.first, shots.second, bank)
    return Fields(pixels[np.newaxis], candidates[np.newaxis], np.array([acquisition.drift_um]))
