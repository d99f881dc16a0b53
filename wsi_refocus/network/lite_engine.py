"""TSVA-lite on a CPU: the numbers of `TsvaLite`, worked out in strips of rows and only where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu_, pixel_shuffle

from wsi_refocus.network.dual_plane import DualPlaneFilters
from wsi_refocus.network.lite import COARSER, CONTRAST, SHUFFLE, SLOPE, DenseBlock, TsvaLite

STRIPS = {torch.float32: 80_000, torch.bfloat16: 30_000}
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
    precision
        What the fine convolutions work with: `torch.float32` or `torch.bfloat16`. The bank, the context and the mixing
        stay in single precision, and what the network is shown are differences to the mean of the shots, so that the
        result stays within a grey level.
    """

    def __init__(
        self,
        network: TsvaLite,
        filters: DualPlaneFilters,
        margin: int = 0,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self._network = network
        self._filters = filters
        self._precision = precision
        self._entry = _entry_weight(network).to(precision), _bias(network.entry).to(precision)
        self._head = _last(network.head.weight).to(precision), _bias(network.head).to(precision)
        self._before, self._after = (
            [_Block(each, precision) for each in blocks if isinstance(each, DenseBlock)]
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
        image, shown = self._shown(first, second)
        features = self._looked(shown)
        context = network.context(features.float())
        cells = self._cells if min(context.shape[2:]) > 2 * self._cells else 0
        folded, pixels = (_without_rim(cells * edge) for edge in (COARSER, _CELL))
        hint = network.hint(context).to(self._precision, memory_format=torch.channels_last)
        features = features[folded] + _finer(hint, COARSER, cells)
        for block in self._after:
            features = block(features)
        leaning = _finer(network.leaning(context), _CELL, cells)
        self._choose(features, leaning, shown[pixels], image[pixels])
        return image

    def height_um(self, first: Tensor, second: Tensor) -> Tensor:
        """Height of the middle of both shots above the section, shape (1, 1, height / 8, width / 8), in µm."""
        network = self._network
        height: Tensor = network.height(network.context(self._looked(self._shown(first, second)[1]).float()))
        return height

    def _shown(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of the shots, and what the network is shown, both of shape (1, channels, height, width).

        That is the mean, and the differences to it of the first shot and of all candidates.
        """
        first, second = first.contiguous(), second.contiguous()
        mean = (first + second).div_(2)
        shown = mean.new_empty(1, 3 * (2 + self._filters.candidates), *mean.shape[2:], dtype=self._precision)
        shown[:, :3] = mean - _MIDDLE
        for number, image in enumerate(chain([first], self._filters.images(first, second)), start=1):
            shown[:, 3 * number : 3 * number + 3] = image - mean
        return mean, shown

    def _looked(self, shown: Tensor) -> Tensor:
        """What the entry and the fine blocks before the context make of what is shown."""
        weight, bias = self._entry
        rows, columns = (side // SHUFFLE for side in shown.shape[2:])
        features = shown.new_empty(1, rows, columns, len(weight)).permute(0, 3, 1, 2)
        for strip in _strips(features, 1):
            part = shown[:, :, SHUFFLE * strip.low : SHUFFLE * strip.high]
            made = conv2d(part, weight, bias, stride=SHUFFLE, padding=SHUFFLE)
            features[:, :, strip.start : strip.stop] = made[:, :, strip.inner]
        for block in self._before:
            features = block(features)
        return features

    def _choose(self, features: Tensor, leaning: Tensor, shown: Tensor, image: Tensor) -> None:
        """Add to the mean of the shots what is shown, by the weights that the head gives, and its residual."""
        choices = leaning.shape[1]
        for strip in _strips(features, 1):
            out = conv2d(features[:, :, strip.low : strip.high], *self._head, padding=1)
            out = pixel_shuffle(_first(out[:, :, strip.inner]), SHUFFLE).float()
            rows = slice(SHUFFLE * strip.start, SHUFFLE * strip.stop)
            weights = out[:, :choices].add_(leaning[:, :, rows]).softmax(dim=1)
            weights[:, 2].neg_().add_(weights[:, 1])  # what lies above the mean in one shot lies below it in the other
            made = image[:, :, rows].add_(out[:, choices:])
            for number in range(1, choices - 1):
                choice = shown[:, 3 * number : 3 * number + 3, rows]
                made.addcmul_(weights[:, number + 1 : number + 2], choice)


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

    def __init__(self, block: DenseBlock, precision: torch.dtype) -> None:
        width = block.first.in_channels
        growth = block.first.out_channels
        self._dilation = block.first.dilation[0]
        self.reach = 2 * self._dilation
        self._first = _last(block.first.weight).to(precision), _bias(block.first).to(precision)
        self._second = _last(block.second.weight[:, :width]).to(precision), _bias(block.second).to(precision)
        self._second_of_first = _last(block.second.weight[:, width:]).to(precision)
        merge = block.merge.weight[:, :, 0, 0].detach().t().to(precision)
        self._merge = [each.contiguous() for each in torch.split(merge, [width, growth, growth])]
        self._bias = _bias(block.merge).to(precision)

    def __call__(self, features: Tensor) -> Tensor:
        """Refine features of shape (1, width, height, width)."""
        refined = torch.empty_like(features)
        for strip in _strips(features, self.reach):
            part = features[:, :, strip.low : strip.high]
            one = leaky_relu_(self._convolved(part, *self._first), SLOPE)
            two = self._convolved(part, *self._second)
            two = leaky_relu_(two.add_(self._convolved(one, self._second_of_first, None)), SLOPE)
            part, one, two = (maps[:, :, strip.inner] for maps in (part, one, two))
            merged = torch.addmm(self._bias, _as_rows(part), self._merge[0])
            for maps, weight in zip((one, two), self._merge[1:], strict=True):
                merged.addmm_(_as_rows(maps), weight)
            torch.add(_as_rows(part), merged, out=_as_rows(refined[:, :, strip.start : strip.stop]))
        return refined

    def _convolved(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return conv2d(features, weight, bias, padding=self._dilation, dilation=self._dilation)


def _strips(maps: Tensor, reach: int) -> Iterator[Strip]:
    """Strips of whole rows of maps; each looks ``reach`` rows beyond itself, as far as there are any."""
    rows, columns = maps.shape[2:]
    step = max(8, STRIPS[maps.dtype] // columns)
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        yield Strip(start, stop, max(0, start - reach), min(rows, stop + reach))


def _entry_weight(network: TsvaLite) -> Tensor:
    """Weight of the entry for pixels that are not folded: a convolution that takes steps of as many of them."""
    weight = pixel_shuffle(network.entry.weight.detach(), SHUFFLE).clone()
    weight[:, 3:] *= CONTRAST
    return _last(weight)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None  # noqa: S101 - for the type checker
    return layer.bias.detach()


def _finer(maps: Tensor, factor: int, rim: int) -> Tensor:
    """Maps interpolated to be finer, without a rim of so many of their own pixels."""
    kept = max(0, rim - 1)
    finer = interpolate(maps[_without_rim(kept)], scale_factor=factor, mode="bilinear", align_corners=False)
    return finer[_without_rim((rim - kept) * factor)]


def _without_rim(rim: int) -> tuple[slice, ...]:
    inner = slice(rim, -rim or None)
    return slice(None), slice(None), inner, inner


def _first(maps: Tensor) -> Tensor:
    """A copy of maps that lie channels last which lies channels first.

    Multiplying by one is exact, and a product is laid out anew in a quarter of the time that copying takes.
    """
    rows = _as_rows(maps)
    one = torch.eye(rows.shape[1], dtype=rows.dtype)
    return (one @ rows.t()).view(1, -1, *maps.shape[2:])


def _last(maps: Tensor) -> Tensor:
    """A copy that lies channels last."""
    return maps.detach().clone(memory_format=torch.channels_last)


def _as_rows(maps: Tensor) -> Tensor:
    """Maps of shape (1, channels, height, width) that lie channels last, as a matrix of one row a pixel."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
