"""The calibrated bound: what a tile's error is predicted to be, and what it stays below with 90 % probability."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import CheckpointError

FORMAT = "wsi-refocus error bound 1"
SUFFIX = ".bound"
"""Ending of the file beside a checkpoint, in place of ``.safetensors``."""
TARGETS = ("psnr", "gain")
FARTHEST = 4.0
"""Standard deviations from the mean of what was learned from at which a feature is held."""

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is predicted of one tile, in dB.

    Attributes
    ----------
    psnr, psnr_bound : float
        PSNR of the refocused tile, and the bound that it exceeds with the calibrated probability.
    gain, gain_bound : float
        The same for the PSNR over that of the sharper shot.
    """

    psnr: float
    psnr_bound: float
    gain: float
    gain_bound: float


UNKNOWN = Bounds(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorBound:
    """Predicts PSNR and gain from the features of a tile, with a bound by split conformal prediction.

    Features are standardised and pass a layer of fixed random tanh units, whose outputs, beside the features
    themselves, are combined linearly (ridge regression): once for the mean of each target and once for the logarithm of
    its spread. The bound is mean − quantile · spread, the quantile being that of the held-out groups.

    Attributes
    ----------
    names : tuple of str
        Features, in order.
    centre, scale : ndarray of float64, shape (n,)
        What features are standardised with.
    hidden : ndarray of float64, shape (n + 1, units)
        Weights of the random units, their thresholds last.
    mean, log_spread : ndarray of float64, shape (1 + n + units, 2)
        Coefficients for `TARGETS`.
    quantiles : tuple of float
        Of the targets.
    facts : mapping
        What it was calibrated for and on: ``checkpoint_sha256``, ``coverage`` and more.
    sha256 : str
        Hash of its file; empty if it has none.
    """

    names: tuple[str, ...]
    centre: Real
    scale: Real
    hidden: Real
    mean: Real
    log_spread: Real
    quantiles: tuple[float, float]
    facts: Mapping[str, Any]
    sha256: str = ""

    def of(self, features: Mapping[str, float]) -> Bounds:
        """Bounds of one tile; a feature that was not measured counts as average."""
        row = np.array([[features[name] for name in self.names]])
        mean, spread = (each[0] for each in self.predict(row))
        psnr, gain = mean
        lower = mean - np.array(self.quantiles) * spread
        return Bounds(float(psnr), float(lower[0]), float(gain), float(lower[1]))

    def predict(self, rows: Real) -> tuple[Real, Real]:
        """Mean and spread of the targets, each of shape (tiles, 2), of features of shape (tiles, n)."""
        basis = expanded(standardised(rows, self.centre, self.scale), self.hidden)
        return basis @ self.mean, np.exp(np.clip(basis @ self.log_spread, *_LOG_SPREADS))

    def write(self, path: Path) -> None:
        """Write the bound as safetensors; nothing in it is ever unpickled."""
        from safetensors.numpy import save

        arrays = {name: np.asarray(getattr(self, name), np.float32) for name in _ARRAYS}
        known = {"format": FORMAT, "names": self.names, "quantiles": self.quantiles, "facts": dict(self.facts)}
        # one entry: several are written in any order, and the same bound would have many hashes
        path.write_bytes(save(arrays, {_METADATA: json.dumps(known, sort_keys=True)}))

    @classmethod
    def read(cls, path: str | Path) -> ErrorBound:
        """Read a bound.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged or something else.
        """
        from safetensors import SafetensorError, safe_open
        from safetensors.numpy import load

        try:
            content = Path(path).read_bytes()
            with safe_open(path, "np") as file:
                metadata = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
            if metadata.get("format") != FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}")
            arrays = {name: array.astype(np.float64) for name, array in load(content).items()}
            first, second = metadata["quantiles"]
            bound = cls(
                names=tuple(metadata["names"]),
                quantiles=(float(first), float(second)),
                facts=dict(metadata["facts"]),
                sha256=hashlib.sha256(content).hexdigest(),
                **{name: arrays[name] for name in _ARRAYS},
            )
            bound.predict(np.zeros((1, len(bound.names))))
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, SafetensorError) as error:
            raise CheckpointError(
                f"{path}: is no calibrated bound ({error}); make one with wsi-refocus calibrate-bound"
            ) from None
        return bound


def standardised(rows: Real, centre: Real, scale: Real) -> Real:
    """Features in standard deviations, held at `FARTHEST`; 0 where one was not measured."""
    held: Real = np.nan_to_num(np.clip((rows - centre) / scale, -FARTHEST, FARTHEST), nan=0.0)
    return held


def expanded(rows: Real, hidden: Real) -> Real:
    """What is combined linearly: 1, the standardised features, and the random units, shape (tiles, 1 + n + units)."""
    return np.hstack([np.ones((len(rows), 1)), rows, np.tanh(rows @ hidden[:-1] + hidden[-1])])


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrated bound that belongs to weights, or why there is none.

    Attributes
    ----------
    sha256 : str or None
        Hash of the file.
    facts : mapping
        What it was calibrated for and on.
    note : str
        Why there is none; empty if there is one.
    """

    sha256: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def calibration_beside(checkpoint: Path, sha256: str | None) -> Calibration:
    """Find the bound that was calibrated for a checkpoint.

    Parameters
    ----------
    checkpoint
        Path of the weights.
    sha256
        Their hash.

    Raises
    ------
    CheckpointError
        If the file beside the weights is damaged.
    """
    path = checkpoint.with_suffix(SUFFIX)
    if not path.is_file():
        return Calibration(note=f"no calibrated bound lies beside {checkpoint.name}")
    bound = ErrorBound.read(path)
    if bound.facts.get("checkpoint_sha256") != sha256:
        return Calibration(note=f"{path.name} was calibrated for other weights than {checkpoint.name}")
    return Calibration(bound.sha256, bound.facts)


_METADATA = "bound"
_ARRAYS = ("centre", "scale", "hidden", "mean", "log_spread")
_LOG_SPREADS = (-3.0, 3.0)
