"""Settings of a training, checked before the first step."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wsi_refocus.errors import UsageError


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
    steps, batch, patch : int
        Optimiser steps, patches in each, and the edge of a patch in pixels.
    learning_rate : float
        Largest learning rate; it falls to zero along a cosine.
    average : float
        Decay of the moving average of the weights, which is what is validated and kept.
    validation_share : float
        Share of the groups of the ``train`` split that is held out for validation.
    every : int
        Steps between validations.
    fields : int
        Simulated fields that patches are cut from.
    workers, threads : int
        Processes that simulate, 0 for none but this one; and threads of torch.
    seed : int
        Seed of everything random.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: str
    output: str
    architecture: Literal["tsva", "tsva-lite"] = "tsva-lite"
    config: dict[str, Any] = {}
    steps: Annotated[int, Field(ge=1)] = 4000
    batch: Annotated[int, Field(ge=1)] = 16
    patch: Annotated[int, Field(ge=32, multiple_of=16)] = 96
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    average: Annotated[float, Field(ge=0, lt=1)] = 0.998
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    every: Annotated[int, Field(ge=1)] = 500
    fields: Annotated[int, Field(ge=1)] = 2000
    workers: Annotated[int, Field(ge=0)] = 1
    threads: Annotated[int, Field(ge=1)] = 2
    seed: int = 0


def load_settings(path: str | Path) -> TrainingSettings:
    """Read settings from a TOML file; relative paths in it count from its folder.

    Raises
    ------
    UsageError
        If the file cannot be read or a setting is wrong.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = TrainingSettings(**content)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    here = path.parent
    return settings.model_copy(
        update={"manifest": str(here / settings.manifest), "output": str(here / settings.output)}
    )
