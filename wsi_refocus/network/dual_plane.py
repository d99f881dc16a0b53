"""A bank of linear filters that each make an in-focus image of two shots, for one guess of where focus lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_DARKEST = 1 / 256
"""Added to intensities from 0 to 1 before the logarithm, as black has none."""
_BRIGHTEST = 1.2
_BLOCK = 720
"""Largest edge in pixels of the blocks that pictures are filtered in: they stay in the cache."""
_SIZES = 4
"""Sizes whose responses are kept."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """What a bank assumes.

    Attributes
    ----------
    drifts_um : tuple of float
        Heights of the middle of both shots above the section, in µm of stage travel: one a candidate.
    numerical_aperture, condenser_ratio : float
        Optics.
    """

    drifts_um: tuple[float, ...] = (-2.1, -1.4, -0.7, 0.0, 0.7, 1.4, 2.1)
    numerical_aperture: float = 0.75
    condenser_ratio: float = 0.75

    def __post_init__(self) -> None:
        if not 1 <= len(self.drifts_um) <= 32 or not all(-10 <= each <= 10 for each in self.drifts_um):
            raise ValueError(f"a bank guesses 1 to 32 drifts from -10 to 10 µm, not {self.drifts_um}")
        if not 0.05 <= self.numerical_aperture <= 0.95 or not 0 <= self.condenser_ratio <= 1:
            raise ValueError("a bank assumes an aperture of 0.05 to 0.95 and a condenser ratio of 0 to 1")


class DualPlaneFilters(nn.Module):
    """Filters both shots' optical densities by a pair of kernels for every candidate, and adds them up.

    Convolution is done by FFT and wraps around at the picture's edges, as far as `radius` pixels inwards.

    Parameters
    ----------
    kernels
        Shape (candidates, 3, 2, edge, edge), even along both of the last axes, their origin in the first element, their
        sum over the last three axes 1.
    radius
        Distance in pixels beyond which the kernels are zero.
    """

    kernels: Tensor

    def __init__(self, kernels: NDArray[np.float32], radius: int) -> None:
        super().__init__()
        self.radius = radius
        self.register_buffer("kernels", torch.from_numpy(kernels), persistent=False)
        self._responses: dict[tuple[int, int], Tensor] = {}

    @property
    def candidates(self) -> int:
        """Number of images that are made."""
        return len(self.kernels)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Make the candidates.

        Parameters
        ----------
        first, second
            The shots, lower plane first, shape (n, 3, height, width), from 0 to 1.

        Returns
        -------
        Tensor of shape (n, candidates, 3, height, width)
            In-focus images, from 0 to about 1.
        """
        return torch.stack(list(self.images(first, second)), dim=1)

    def images(self, first: Tensor, second: Tensor) -> Iterator[Tensor]:
        """The candidates one after the other, each of shape (n, 3, height, width)."""
        for each in self.unknowns(first, second):
            yield each.neg_().exp_().sub_(_DARKEST).clamp_(0, _BRIGHTEST)

    def unknowns(self, first: Tensor, second: Tensor) -> Iterator[Tensor]:
        """What the kernels make of the shots' optical densities, one candidate at a time to bound the memory."""
        shots = torch.stack([first, second], dim=2).float()
        density = torch.log(shots.add_(_DARKEST)).neg_()
        height, width = (_Cut.of(side, self.radius) for side in density.shape[-2:])
        size = (height.block, width.block)
        response = self._response(size)
        if height.rim:
            density = density[..., height.around, :]
        if width.rim:
            density = density[..., width.around]
        places = [(y, x) for y in height.starts for x in width.starts]
        spectra = [
            torch.view_as_real(torch.fft.rfft2(density[..., y : y + size[0], x : x + size[1]])).flatten(-2)
            for y, x in places
        ]
        for each in response:
            whole = first.new_empty(first.shape, dtype=torch.float32)
            for spectrum, (y, x) in zip(spectra, places, strict=True):
                product = torch.mul(spectrum[:, :, 0], each[:, 0]).addcmul_(spectrum[:, :, 1], each[:, 1])
                made = torch.fft.irfft2(torch.view_as_complex(product.view(*product.shape[:-1], -1, 2)), s=size)
                whole[..., height.kept(y), width.kept(x)] = made[..., height.inner(y), width.inner(x)]
            yield whole

    def _response(self, size: tuple[int, int]) -> Tensor:
        """Real frequency responses, shape (candidates, 3, 2, height, 2 (width // 2 + 1)); those of some sizes are kept.

        Each stands there twice in a row, for the real and the imaginary part of what it is multiplied by.
        """
        response = self._responses.get(size)
        if response is None:
            rows, columns = (_cosines(self.kernels.shape[-1], side, self.kernels.device) for side in size)
            response = rows @ self.kernels @ columns[: size[1] // 2 + 1].T.repeat_interleave(2, dim=1)
            latest = list(self._responses.items())[1 - _SIZES :]
            self._responses = {**dict(latest), size: response}
        return response


@dataclass(frozen=True, slots=True)
class _Cut:
    """How one axis is cut into blocks for FFT (overlap-save).

    Attributes
    ----------
    length : int
        Of the axis.
    step : int
        What a block is kept of.
    rim : int
        Elements at either end of a block that its wrapping around spoils; 0 where one block is the whole axis, which
        wraps around as it is.
    block : int
        Length of a block: a product of small primes, which is quickly transformed.
    """

    length: int
    step: int
    rim: int
    block: int

    @classmethod
    def of(cls, length: int, radius: int) -> _Cut:
        """Cut an axis into as few blocks of at most `_BLOCK` as it takes."""
        from scipy.fft import next_fast_len

        if length <= _BLOCK and next_fast_len(length, real=True) == length:
            return cls(length, length, 0, length)
        count = -(-length // max(radius, _BLOCK - 2 * radius))
        step = -(-length // count)
        return cls(length, step, radius, next_fast_len(step + 2 * radius, real=True))

    @property
    def starts(self) -> range:
        """Where blocks begin on the axis with its rims."""
        return range(0, self.length, self.step)

    @property
    def around(self) -> Tensor:
        """Elements of the axis with its rims, which wrap around, as far as the blocks reach."""
        return torch.arange(-self.rim, self.starts[-1] + self.block - self.rim) % self.length

    def kept(self, start: int) -> slice:
        """Elements of the axis that a block gives."""
        return slice(start, min(start + self.step, self.length))

    def inner(self, start: int) -> slice:
        """Where they lie in the block."""
        return slice(self.rim, self.rim + min(self.step, self.length - start))


class FixedInversion(nn.Module):
    """The first candidate of a bank as a method of its own.

    Parameters
    ----------
    filters
        The bank.
    """

    def __init__(self, filters: DualPlaneFilters | _Spreading) -> None:
        super().__init__()
        self.filters = filters

    def probe(self) -> nn.Module:
        """The same with a bank that reaches as far, but exactly so far: to measure the receptive field."""
        return FixedInversion(_spreading(self.filters))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Refocus a batch of shape (n, 3, height, width), from 0 to 1."""
        image: Tensor = self.filters(first, second)[:, 0]
        return image


class PhaseMap(nn.Module):
    """The phase that both shots are explained by, as a grey picture.

    The section is taken to delay all colours by the same phase, and the mean over the channels is drawn.

    Parameters
    ----------
    filters
        Kernels for the phase, of one candidate.
    zero
        Grey of no phase, from 0 to 1.
    slope
        Grey for a radian.
    """

    def __init__(self, filters: DualPlaneFilters | _Spreading, zero: float, slope: float) -> None:
        super().__init__()
        self.filters = filters
        self._zero, self._slope = zero, slope

    def probe(self) -> nn.Module:
        """The same with filters that reach as far, but exactly so far: to measure the receptive field."""
        return PhaseMap(_spreading(self.filters), self._zero, self._slope)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Phase of a batch of shape (n, 3, height, width), as grey from 0 to 1."""
        phase = next(iter(self.filters.unknowns(first, second))).mean(dim=1, keepdim=True)
        return (self._zero + self._slope * phase).clamp(0, 1).repeat(1, 3, 1, 1)


class WithFilters(nn.Module):
    """A network together with the bank that feeds it, so that it takes two shots as any other does.

    Parameters
    ----------
    network
        Network of both shots and the bank's candidates.
    filters
        The bank.
    """

    def __init__(self, network: nn.Module, filters: DualPlaneFilters | _Spreading) -> None:
        super().__init__()
        self.network = network
        self.filters = filters

    def probe(self) -> nn.Module:
        """The same with a bank that reaches as far, but exactly so far: to measure the receptive field."""
        return WithFilters(self.network, _spreading(self.filters))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Refocus a batch of shape (n, 3, height, width), from 0 to 1."""
        image: Tensor = self.network(first, second, self.filters(first, second))
        return image

    def height_um(self, first: Tensor, second: Tensor) -> Tensor:
        """Height of the middle of both shots above the section, shape (n, 1, height / 8, width / 8), in µm."""
        height: Tensor = self.network.height_um(first, second, self.filters(first, second))  # type: ignore[operator]
        return height


def _spreading(filters: DualPlaneFilters | _Spreading) -> _Spreading:
    """Stand-in that reaches as far as the filters do and no farther, where FFT reaches everywhere a little."""
    assert isinstance(filters, DualPlaneFilters)  # noqa: S101
    return _Spreading(filters.radius, filters.candidates)


class _Spreading(nn.Module):
    """Lets what is special about a pixel show in all pixels around it, in every candidate."""

    def __init__(self, radius: int, candidates: int) -> None:
        super().__init__()
        self._pool = nn.MaxPool2d(2 * radius + 1, stride=1, padding=radius)
        self._candidates = candidates

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        spread: Tensor = self._pool(first + second)
        return spread.unsqueeze(1).expand(-1, self._candidates, -1, -1, -1)

    def unknowns(self, first: Tensor, second: Tensor) -> Iterator[Tensor]:
        yield from self(first, second).unbind(1)


def _cosines(edge: int, length: int, device: torch.device) -> Tensor:
    """Cosines of every frequency of a torus at the places of a kernel, shape (length, edge)."""
    places = (torch.arange(edge, device=device) + edge // 2) % edge - edge // 2
    turns = torch.outer(torch.arange(length, device=device), places) % length
    return torch.cos(turns.double() * (2 * torch.pi / length)).float()
