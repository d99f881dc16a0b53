"""What a calibration leaves behind: a whole profile, or all as it was."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import call, start
from tests.support.two_shot import tissue
from wsi_refocus.errors import OutputError
from wsi_refocus.evaluation.profile_files import made_aside, put_in_place
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.network.checkpoint import checkpoint_sha256
from wsi_refocus.network.zoo import default_checkpoint
from wsi_refocus.optics.profile import OpticsProfile

EARLIER = {"p.json": b"{earlier}", "p.safetensors": b"earlier weights", "p.md": b"# earlier"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Planes that are all the truth: no fit can be better than the shots."""
    folder = tmp_path_factory.mktemp("stack")
    for number in range(3):
        Image.fromarray(tissue((96, 96), seed=3)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A profile of an earlier calibration, with its weights and their card."""
    for name, content in EARLIER.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path / "p.json"


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _options(output: Path, steps: int) -> list[str | Path]:
    scale = ["--truth", "1", "--z-step", "0.5", "--mpp", "0.25"]
    return ["-o", output, *scale, "--tuning-steps", str(steps)]


def test_a_refused_calibration_leaves_the_earlier_one_as_it_was(stack: Path, output: Path) -> None:
    done = call("calibrate", stack, *_options(output, 2))
    assert done.returncode == 2, done.stderr
    assert "the tuned network is no better on held-out pixels and is not kept" in done.stderr
    assert "there is no profile; try other fields" in done.stderr
    assert "tsva-lite, tuned" in done.stdout
    assert _content(output.parent) == EARLIER


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_calibration_leaves_no_stray_file(stack: Path, output: Path, number: int) -> None:
    process = start(["calibrate", stack, *_options(output, 10_000)])
    assert process.stderr is not None
    assert any(line.startswith("tune:") for line in process.stderr)
    assert len(list(output.parent.iterdir())) == len(EARLIER) + 1
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert _content(output.parent) == EARLIER


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent/p.json", "make it first"),
        ("p.json/p.json", "make it first"),
        ("p.safetensors", "choose a .json"),
        (".", "is a folder"),
        ("p" * 250 + ".json", "cannot be written"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_stack_is_read(
    name: str, why: str, output: Path
) -> None:
    done = call("calibrate", output.parent / "no-stack", *_options(output.parent / name, 2))
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert why in line
    assert _content(output.parent) == EARLIER


def test_a_profile_takes_the_place_of_an_earlier_one_with_its_weights(output: Path) -> None:
    with made_aside(output) as folder:
        weights = Path(shutil.copy(default_checkpoint(), folder / "p.safetensors"))
        (folder / "p.md").write_text("# new")
        profile = replace(OpticsProfile(), weights=weights.name, weights_sha256=checkpoint_sha256(weights))
        put_in_place(profile, folder, output)
    assert make_method(MethodSpec("tsva-lite", profile=str(output))).checkpoint_sha256 == profile.weights_sha256
    assert _content(output.parent).keys() == EARLIER.keys()
    assert output.with_suffix(".md").read_text() == "# new"


def test_a_profile_is_not_put_in_place_without_its_weights(output: Path) -> None:
    with pytest.raises(OutputError, match=r"p\.json"), made_aside(output) as folder:
        put_in_place(replace(OpticsProfile(), weights="p.safetensors"), folder, output)
    assert _content(output.parent) == EARLIER
