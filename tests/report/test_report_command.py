"""``wsi-refocus report`` as a user calls it."""

from pathlib import Path

from tests.cli.command import call


def test_it_says_where_the_page_is(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    done = call("report", made, "-o", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Report: {file}\n", "")
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_errors_are_one_line(made: Path, tmp_path: Path) -> None:
    for arguments in ([tmp_path / "absent"], [tmp_path], [made, "-o", tmp_path]):
        done = call("report", *arguments)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("wsi-refocus: ") and done.stderr.count("\n") == 1
