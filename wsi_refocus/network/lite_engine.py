"""TSVA-lite on a CPU: the numbers of `TsvaLite`, worked out in strips of rows and only where they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, leaky_relu_, pixel_shuffle

from wsi_refocus.network.dual_plane import DualPlaneFilters
from wsi_refocus.network.lite import COARSER, CONTRAST, SHUFFLE, SLOPE, DenseBlock, TsvaLite

STRIP = 80_000
"""Folded pixels of a strip: few enough for the cache, and many enough that its rims cost little."""
_CELL = SHUFFLE * COARSER
_MIDDLE = 0.5


class LiteEngine:
    """Runs a trained network together with its bank, without gradients.

    Parameters
    ----------
    network
        Network in evaluation mode.
    filters
        The bank that feeds it.
    margin
        Pixels a side of every picture in which the result is not wanted: the fine blocks behind the context, which see
        less far than it, are spared there.
    """

    def __init__(self, network: TsvaLite, filters: DualPlaneFilters, margin: int = 0) -> None:
        self._network = network
        self._filters = filters
        self._entry = _entry_weight(network)
        self._before, self._after = (
            [_Block(each) for each in blocks if isinstance(each, DenseBlock)]
            for blocks in (network.before, network.after)
        )
        reach = SHUFFLE * (sum(each.reach for each in self._after) + 1)
        self._cells = max(0, margin - reach) // _CELL

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Refocus a picture.

        Parameters
        ----------
        first, second
            The two shots, lower plane first, shape (1, 3, height, width), from 0 to 1; height and width are multiples
            of `SHUFFLE` × `COARSER`.

        Returns
        -------
        Tensor of shape (1, 3, height, width)
            The in-focus image; the mean of both shots within the margin.
        """
        network = self._network
        shown = self._shown(first, second)
        features = self._looked(shown)
        context = network.context(features)
        image = (first + second) / 2
        cells = self._cells if min(context.shape[2:]) > 2 * self._cells else 0
        folded, pixels = (_without_rim(cells * edge) for edge in (COARSER, _CELL))
        features = _last(features[folded]).add_(_finer(network.hint(context), COARSER, cells))
        for block in self._after:
            features = block(features)
        leaning = _finer(network.leaning(context), _CELL, cells)
        self._choose(features, leaning, shown[pixels], image[pixels])
        return image

    def height_um(self, first: Tensor, second: Tensor) -> Tensor:
        """Height of the middle of both shots above the section, shape (1, 1, height / 8, width / 8), in µm."""
        network = self._network
        height: Tensor = network.height(network.context(self._looked(self._shown(first, second))))
        return height

    def _shown(self, first: Tensor, second: Tensor) -> Tensor:
        """Both shots and the candidates, shape (1, channels, height, width), about a middle grey."""
        shown = first.new_empty(1, 3 * (2 + self._filters.candidates), *first.shape[2:])
        for number, image in enumerate(chain((first, second), self._filters.images(first, second))):
            torch.sub(image, _MIDDLE, out=shown[:, 3 * number : 3 * number + 3])
        return shown

    def _looked(self, shown: Tensor) -> Tensor:
        """What the entry and the fine blocks before the context make of what is shown."""
        channels, height, width = shown.shape[1:]
        rows, columns = height // SHUFFLE, width // SHUFFLE

        def entry(strip: Strip) -> Tensor:
            part = shown[0, :, SHUFFLE * strip.low : SHUFFLE * strip.high]
            folded = part.view(channels, -1, SHUFFLE, columns, SHUFFLE).permute(1, 3, 2, 4, 0)
            return conv2d(
                folded.reshape(1, -1, columns, channels * SHUFFLE**2).permute(0, 3, 1, 2),
                self._entry,
                self._network.entry.bias,
                padding=1,
            )

        features = _in_strips(entry, rows, columns, self._entry.shape[0], 1)
        for block in self._before:
            features = block(features)
        return features

    def _choose(self, features: Tensor, leaning: Tensor, shown: Tensor, image: Tensor) -> None:
        """Write the mixture of what is shown, by the weights that the head gives, and its residual."""
        head, choices = self._network.head, leaning.shape[1]
        height, width = features.shape[2:]
        for strip in _strips(height, width, 1):
            out = conv2d(features[:, :, strip.low : strip.high], head.weight, head.bias, padding=1)
            out = pixel_shuffle(out[:, :, strip.inner].contiguous(), SHUFFLE)
            rows = slice(SHUFFLE * strip.start, SHUFFLE * strip.stop)
            weights = (out[:, :choices] + leaning[:, :, rows]).softmax(dim=1)
            weights[:, 1:3].add_(weights[:, :1], alpha=0.5)  # the mean is half of either shot
            mixed = out[:, choices:].add_(_MIDDLE)
            for number in range(1, choices):
                choice = shown[:, 3 * number - 3 : 3 * number, rows]
                mixed.addcmul_(weights[:, number : number + 1], choice)
            image[:, :, rows] = mixed


class Strip(NamedTuple):
    """Rows of a picture that are worked out, and those that are looked at for it."""

    start: int
    stop: int
    low: int
    high: int

    @property
    def inner(self) -> slice:
        """The rows that are worked out, among those that are looked at."""
        return slice(self.start - self.low, self.stop - self.low)


class _Block:
    """A `DenseBlock` whose maps are not put together: what a convolution of several maps gives is a sum."""

    def __init__(self, block: DenseBlock) -> None:
        width = block.first.in_channels
        growth = block.first.out_channels
        self._dilation = block.first.dilation[0]
        self.reach = 2 * self._dilation
        self._first = _last(block.first.weight), block.first.bias
        self._second = _last(block.second.weight[:, :width]), block.second.bias
        self._second_of_first = _last(block.second.weight[:, width:])
        merge = block.merge.weight[:, :, 0, 0].detach().t()
        kept, *added = torch.split(merge, [width, growth, growth])
        self._kept, self._added = (kept + torch.eye(width)).contiguous(), [each.contiguous() for each in added]
        assert block.merge.bias is not None  # noqa: S101 - for the type checker
        self._bias = block.merge.bias.detach()

    def __call__(self, features: Tensor) -> Tensor:
        """Refine features of shape (1, width, height, width)."""

        def refined(strip: Strip) -> Tensor:
            part = features[:, :, strip.low : strip.high]
            one = leaky_relu_(self._convolved(part, *self._first), SLOPE)
            two = self._convolved(part, *self._second)
            two = leaky_relu_(two.add_(self._convolved(one, self._second_of_first, None)), SLOPE)
            merged = torch.addmm(self._bias, _as_rows(part), self._kept)
            for added, weight in zip((one, two), self._added, strict=True):
                merged.addmm_(_as_rows(added), weight)
            return merged.view(1, *part.shape[2:], -1).permute(0, 3, 1, 2)

        rows, columns = features.shape[2:]
        return _in_strips(refined, rows, columns, features.shape[1], self.reach)

    def _convolved(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return conv2d(features, weight, bias, padding=self._dilation, dilation=self._dilation)


def _in_strips(work: Callable[[Strip], Tensor], rows: int, columns: int, channels: int, reach: int) -> Tensor:
    """Put together what is worked out of every strip, shape (1, channels, rows, columns), channels last."""
    result = torch.empty(1, rows, columns, channels).permute(0, 3, 1, 2)
    for strip in _strips(rows, columns, reach):
        result[:, :, strip.start : strip.stop] = work(strip)[:, :, strip.inner]
    return result


def _strips(rows: int, columns: int, reach: int) -> Iterator[Strip]:
    """Strips of whole rows; each looks ``reach`` rows beyond itself, as far as there are any."""
    step = max(8, STRIP // columns)
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        yield Strip(start, stop, max(0, start - reach), min(rows, stop + reach))


def _entry_weight(network: TsvaLite) -> Tensor:
    """Weight of the entry for what is shown as it is: the network itself looks at differences, which are sums of it.

    The order of the folded channels is that of pixels laid channels last.
    """
    count = network.entry.in_channels // (3 * SHUFFLE**2)
    mean = torch.zeros(count)
    mean[:2] = 0.5
    seen = torch.stack([mean, *(CONTRAST * (each - mean) for each in torch.eye(count)[[0, *range(2, count)]])])
    weight = network.entry.weight.detach()
    weight = weight.reshape(len(weight), count, 3, SHUFFLE**2, *weight.shape[2:])
    return _last(torch.einsum("osrqhw,sc->oqcrhw", weight, seen).flatten(1, 3))


def _finer(maps: Tensor, factor: int, rim: int) -> Tensor:
    """Maps interpolated to be finer, without a rim of so many of their own pixels."""
    kept = max(0, rim - 1)
    finer = interpolate(maps[_without_rim(kept)], scale_factor=factor, mode="bilinear", align_corners=False)
    return finer[_without_rim((rim - kept) * factor)]


def _without_rim(rim: int) -> tuple[slice, ...]:
    inner = slice(rim, -rim or None)
    return slice(None), slice(None), inner, inner


def _last(maps: Tensor) -> Tensor:
    """A copy that lies channels last."""
    return maps.detach().clone(memory_format=torch.channels_last)


def _as_rows(maps: Tensor) -> Tensor:
    """Maps of shape (1, channels, height, width) that lie channels last, as a matrix of one row a pixel."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
