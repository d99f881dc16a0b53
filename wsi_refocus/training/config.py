"""Settings of a training, checked before the first step."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wsi_refocus.errors import UsageError
from wsi_refocus.training.fields import FIELD
from wsi_refocus.training.loss import LossName

BUNDLED = Path(__file__).parent / "configs"
_PATHS = ("manifest", "output", "start")


class TrainingSettings(BaseModel):
    """Everything that decides a training.

    Attributes
    ----------
    manifest : str
        CSV file of in-focus images with columns file, group, mpp and split.
    output : str
        Folder for the log, the state that a training is resumed from, and the weights.
    architecture : str
        Name of the network.
    config : dict
        Its configuration.
    start : str or None
        Checkpoint to start from; None for random weights.
    steps, batch, patch : int
        Optimiser steps, patches in each, and the edge of a patch in pixels.
    loss : str
        ``mse``, ``psnr`` (logarithm of each patch's error) or ``relative`` (to what needs no network).
    height_weight : float
        Weight of the error, in µm, of the height that a network estimates; 0 if it need not learn it.
    optimiser : str
        ``adam``, or ``muon`` for kernels and Adam for the rest.
    learning_rate : float
        Largest learning rate.
    schedule : str
        ``cosine`` to zero after a short warm-up, or ``constant``.
    precision : str
        What convolutions compute in: ``float32``, ``bfloat16`` or, on a GPU, ``float16``.
    average : float
        Decay of the moving average of the weights, which is what is validated and kept.
    validation_share : float
        Share of the groups of the ``train`` split that is held out for validation.
    every : int
        Steps between validations.
    patience : int
        Validations without a better one after which training ends early; 0 for never.
    exchange : bool
        Whether the planes and the colours of a patch may be exchanged.
    simulation : str
        ``full``: a scanner with phase; ``planar``: a control, the paper's eq. 1 and a grey level of noise.
    fields : int
        Simulated fields that patches are cut from.
    validation_fields : int
        Simulated fields that it is validated on.
    workers, threads : int
        Processes that simulate, 0 for none but this one; and threads of torch.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    seed : int
        Seed of everything random.
    summary, limits : str
        What the model card says besides facts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: str
    output: str
    architecture: Literal["tsva", "tsva-lite", "unet", "burst"] = "tsva-lite"
    config: dict[str, Any] = {}
    start: str | None = None
    steps: Annotated[int, Field(ge=1)] = 8000
    batch: Annotated[int, Field(ge=1)] = 12
    patch: Annotated[int, Field(ge=32, multiple_of=16)] = 96
    loss: LossName = "psnr"
    height_weight: Annotated[float, Field(ge=0)] = 0.2
    optimiser: Literal["adam", "muon"] = "muon"
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    average: Annotated[float, Field(ge=0, lt=1)] = 0.998
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    every: Annotated[int, Field(ge=1)] = 500
    patience: Annotated[int, Field(ge=0)] = 0
    exchange: bool = True
    simulation: Literal["full", "planar"] = "full"
    fields: Annotated[int, Field(ge=1)] = 4000
    validation_fields: Annotated[int, Field(ge=1)] = 75
    workers: Annotated[int, Field(ge=0)] = 1
    threads: Annotated[int, Field(ge=1)] = 2
    device: str = "auto"
    seed: int = 0
    summary: str = "A two-shot network trained on simulated acquisitions."
    limits: str = ""

    @model_validator(mode="after")
    def _fits(self) -> TrainingSettings:
        if self.patch > FIELD:
            raise ValueError(f"a patch of {self.patch} pixels does not fit a field of {FIELD}")
        if self.precision == "float16" and self.device == "cpu":
            raise ValueError("precision float16 needs a GPU; choose bfloat16 or float32")
        return self


def load_settings(name_or_path: str | Path, changes: Mapping[str, Any] | None = None) -> TrainingSettings:
    """Read settings from a TOML file, or those that come with the package.

    Parameters
    ----------
    name_or_path
        Path of a file, in which relative paths count from its folder; or a bundled name.
    changes
        Settings that replace those of the file.

    Raises
    ------
    UsageError
        If the file cannot be read or a setting is wrong.
    """
    path = Path(name_or_path)
    names = bundled_settings()
    if not path.exists() and str(name_or_path) in names:
        path = names[str(name_or_path)]
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        here = {key: str(path.parent / content[key]) for key in _PATHS if key in content}
        return TrainingSettings(**{**content, **here, **(changes or {})})
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); bundled settings are {', '.join(names)}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None


def bundled_settings() -> dict[str, Path]:
    """Names of the settings that come with the package, and where they lie."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.toml"))}
