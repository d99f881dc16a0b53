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

    Convolution is done by FFT over the whole picture, so it wraps around at the picture's edges, as far as
    `radius` pixels inwards.

    Parameters
    ----------
    kernels
        Shape (candidates, 3, 2, edge, edge), their origin in the first element, their sum over the last
        three axes 1.
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
        images = [torch.exp(-each).sub_(_DARKEST).clamp_(0, _BRIGHTEST) for each in self.unknowns(first, second)]
        return torch.stack(images, dim=1)

    def unknowns(self, first: Tensor, second: Tensor) -> Iterator[Tensor]:
        """What the kernels make of the shots' optical densities, one candidate at a time to bound the memory."""
        size = (first.shape[2], first.shape[3])
        shots = torch.stack([first, second], dim=2).float()
        spectrum = torch.fft.rfft2(-torch.log(shots + _DARKEST))
        for each in self._response(size):
            yield torch.fft.irfft2((spectrum * each).sum(dim=2), s=size)

    def _response(self, size: tuple[int, int]) -> Tensor:
        """Real frequency responses, shape (candidates, 3, 2, height, width // 2 + 1); those of one size are kept."""
        response = self._responses.get(size)
        if response is None:
            response = torch.fft.rfft2(_spread(self.kernels, size)).real.contiguous()
            latest = list(self._responses.items())[-1:]  # tiles are predicted in one size, and judged in another
            self._responses = {**dict(latest), size: response}
        return response


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


def _spread(kernels: Tensor, size: tuple[int, int]) -> Tensor:
    """Kernels on a larger (or smaller) torus, their origin still in the first element."""
    for axis, length in zip((-2, -1), size, strict=True):
        edge = kernels.shape[axis]
        positions = (torch.arange(edge, device=kernels.device) + edge // 2) % edge - edge // 2
        shape = list(kernels.shape)
        shape[axis] = length
        kernels = kernels.new_zeros(shape).index_add_(axis, positions % length, kernels)
    return kernels
