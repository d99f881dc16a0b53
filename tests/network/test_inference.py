from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from tests.network.networks import SharperPlus, random_tsva
from wsi_refocus.errors import CheckpointError, RefocusError, UsageError
from wsi_refocus.network.batching import halve_until_it_fits
from wsi_refocus.network.checkpoint import checkpoint_sha256, save_checkpoint
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.tsva import Tsva, TsvaConfig

RNG = np.random.default_rng(0)


def tiles(count=3, height=32, width=48):
    return RNG.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_restores_what_the_network_says():
    network = random_tsva()
    sharper, other = tiles(), tiles()
    with torch.inference_mode():
        shots = [torch.from_numpy(t).permute(0, 3, 1, 2).float() / 255 for t in (sharper, other)]
        expected = (network(*shots) * 255).clamp(0, 255).permute(0, 2, 3, 1).numpy()
    restored = NetworkMethod("tsva", network).restore(sharper, other)
    assert restored.dtype == np.float32
    assert not np.allclose(restored, sharper, atol=1)
    np.testing.assert_allclose(restored, expected, atol=1e-3)


def test_untrained_network_gives_back_the_sharper_shot():
    method = NetworkMethod("tsva", Tsva(TsvaConfig(4, 2)))
    sharper, other = tiles(), tiles()
    np.testing.assert_allclose(method.restore(sharper, other), sharper, atol=1e-4)


def test_result_does_not_depend_on_the_batch():
    method = NetworkMethod("tsva", random_tsva())
    sharper, other = tiles(5), tiles(5)
    single = np.concatenate([method.restore(sharper[i : i + 1], other[i : i + 1]) for i in range(5)])
    assert np.array_equal(method.restore(sharper, other), single)


def test_threads_do_not_change_a_bit():
    method = NetworkMethod("tsva", random_tsva())
    sharper, other = tiles(8), tiles(8)
    alone = method.restore(sharper, other)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda i: method.restore(sharper[i : i + 1], other[i : i + 1]), range(8)))
    assert np.array_equal(np.concatenate(together), alone)
    assert np.array_equal(NetworkMethod("tsva", random_tsva(), threads=3).restore(sharper, other), alone)


def test_cores_of_the_machine_do_not_change_a_bit():
    method = NetworkMethod("tsva", random_tsva())
    sharper, other = tiles(), tiles()
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            results.append(method.restore(sharper, other))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_grey_levels_stay_in_range():
    network = Tsva(TsvaConfig(4, 2))
    nn.init.constant_(network.head.bias, 2)
    assert NetworkMethod("tsva", network).restore(tiles(1), tiles(1)).max() == 255


def test_read_only_tiles_are_taken():
    sharper = tiles(1)
    sharper.setflags(write=False)
    NetworkMethod("tsva", Tsva(TsvaConfig(4, 2))).restore(sharper, sharper)


def test_no_tiles_give_no_tiles():
    none = tiles(0)
    assert NetworkMethod("tsva", random_tsva()).restore(none, none).shape == none.shape


@pytest.mark.parametrize(
    ("sharper", "other", "why"),
    [
        (tiles(1, 32, 30), tiles(1, 32, 30), "multiples of 4"),
        (tiles(1, 30, 32), tiles(1, 30, 32), "multiples of 4"),
        (tiles(1), tiles(2), "batches of RGB"),
        (tiles(1)[0], tiles(1)[0], "batches of RGB"),
        (tiles(1).astype(np.float32), tiles(1).astype(np.float32), "uint8"),
    ],
)
def test_batches_that_cannot_work_are_refused(sharper, other, why):
    method = NetworkMethod("tsva", random_tsva())
    with pytest.raises(ValueError, match=why):
        method.restore(sharper, other)


def test_checkpoint_becomes_a_method(tmp_path):
    path = save_checkpoint(tmp_path / "small", random_tsva(), ModelCard("", "", "CC0-1.0"))
    method = NetworkMethod.from_checkpoint("tsva", path)
    assert (method.name, method.halo, method.stride) == ("tsva", 28, 4)
    assert method.checkpoint_sha256 == checkpoint_sha256(path)


def test_network_whose_tiles_would_not_join_is_refused():
    with pytest.raises(CheckpointError, match="InstanceNorm2d"):
        NetworkMethod("tsva", SharperPlus(nn.InstanceNorm2d(3)))


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:", "cuda:99"])
def test_devices_that_are_not_there_are_refused(device):
    with pytest.raises(UsageError, match=f"{device}.*choose"):
        NetworkMethod("tsva", random_tsva(), device)


class _Memory:
    """A device that holds so many tiles at once, and what was done on it."""

    def __init__(self, holds):
        self.holds = holds
        self.done = []
        self.refused = 0

    def predict(self, start, stop):
        if stop - start > self.holds:
            self.refused += 1
            raise torch.OutOfMemoryError("out of memory")
        self.done.extend(range(start, stop))


@pytest.mark.parametrize("holds", [1, 3, 8, 100])
def test_batches_are_halved_until_they_fit(holds):
    memory = _Memory(holds)
    size = halve_until_it_fits(20, 16, memory.predict)
    assert memory.done == list(range(20))
    assert size <= holds
    assert memory.refused == {1: 4, 3: 3, 8: 1, 100: 0}[holds]


def test_no_tiles_are_no_work():
    memory = _Memory(4)
    halve_until_it_fits(0, 4, memory.predict)
    assert memory.done == []


def test_memory_without_room_for_one_tile_is_told():
    with pytest.raises(RefocusError, match="--tile"):
        halve_until_it_fits(4, 4, _Memory(0).predict)


@pytest.mark.gpu
def test_gpu_and_cpu_agree():
    sharper, other = tiles(20, 64, 64), tiles(20, 64, 64)
    on_cpu = NetworkMethod("tsva", random_tsva()).restore(sharper, other)
    method = NetworkMethod("tsva", random_tsva(), "cuda")
    with ThreadPoolExecutor(3) as pool:
        for on_gpu in pool.map(lambda _: method.restore(sharper, other), range(6)):
            assert np.abs(on_gpu - on_cpu).max() < 4
            assert np.abs(on_gpu - on_cpu).mean() < 0.5
