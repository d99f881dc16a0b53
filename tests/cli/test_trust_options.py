"""``wsi-refocus run``: how tiles are judged, and the report, as a user calls for them."""

import json
from pathlib import Path

import pytest

from tests.cli.command import call
from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus import read_provenance, read_quality
from wsi_refocus.trust.limits import Limits


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of one cell."""
    path = tmp_path_factory.mktemp("small") / "slide.ome.tiff"
    return write_ome_tiff(path, two_planes(tissue(300, seed=2)), z_um=[-0.75, 0.75], mpp=0.5, compression="deflate")


def test_policy_and_limits_reach_the_run_and_the_report_is_named(small: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.ome.zarr"
    strict = ["--limit", "chi2=1e-6", "--limit", "in_focus_um=-1"]
    done = call("run", small, "-o", output, "--method", "mean", "--workers", "0", "--policy", "flag", *strict)
    assert done.returncode == 0, done.stderr
    trust = read_provenance(str(output))["trust"]
    assert trust["policy"] == "flag"
    assert trust["limits"] == Limits(chi2=1e-6, in_focus_um=-1).to_json()
    table = read_quality(str(output))
    assert list(table["decision"]) == ["flagged"] and list(table["written"]) == ["refocused"]
    page = output / "report" / "index.html"
    assert f"Report:  {page}" in done.stdout.splitlines()
    assert "<html" in page.read_text(encoding="utf-8")


def test_json_names_the_report(small: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.ome.zarr"
    done = call("run", small, "-o", output, "--method", "mean", "--workers", "0", "--policy", "off", "--json", "-q")
    assert done.returncode == 0, done.stderr
    page = Path(json.loads(done.stdout.splitlines()[-1])["report"])
    assert page.is_file() and page.is_relative_to(output)
    assert read_provenance(str(output))["trust"]["policy"] == "off"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--limit", "chi3=1"], "'chi3'"),
        (["--limit", "=5"], "''"),
        (["--limit", "chi2=nan"], "chi2"),
        (["--limit", "chi2=much"], "'chi2=much'"),
        (["--limit", "chi2"], "'chi2'"),
        (["--policy", "maybe"], "'maybe'"),
        (["--uncertainty", "half"], "'half'"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_is_no_limit_or_policy_is_refused(small: Path, tmp_path: Path, arguments: list[str], named: str) -> None:
    output = tmp_path / "o.ome.zarr"
    done = call("run", small, "-o", output, "--method", "mean", "--workers", "0", "-q", *arguments)
    assert done.returncode == 2, done.stderr
    told = [line for line in done.stderr.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert len(told) == 1 and named in told[0]
    assert done.stdout == "" and not output.exists()


def test_an_unknown_limit_is_answered_by_those_there_are(small: Path, tmp_path: Path) -> None:
    done = call("run", small, "-o", tmp_path / "o", "--method", "mean", "--limit", "chi3=1")
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(name in done.stderr for name in Limits().to_json())


def test_limits_and_policies_are_explained() -> None:
    text = " ".join(call("run", "--help").stdout.split())
    assert "[keep-sharper|flag|off]" in text and "--limit NAME=VALUE" in text and "[subset|full]" in text
