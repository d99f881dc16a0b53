"""``wsi-refocus verify`` as a user calls it."""

import json
import shutil
from pathlib import Path

from tests.cli.command import call
from tests.verify.damage import flip, root_of, shard


def test_exit_codes_and_what_is_said(output: Path) -> None:
    done = call("verify", output)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"Sound: {output}"), done.stderr
    assert "checksums:" in done.stderr and "shards" in done.stdout
    quiet = call("verify", output, "-q", "--all")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")

    broken = shard(output, "0", 0, 0)
    flip(broken)
    named = f"WRONG checksums: {broken.relative_to(output).as_posix()}: "
    done = call("verify", output, "-q", "--tiles", "1")
    assert done.returncode == 5 and named in done.stdout and done.stderr == ""
    done = call("verify", output, "--json")
    content = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 5 and content["sound"] is False
    assert content["findings"][0]["file"] == broken.relative_to(output).as_posix()
    assert content["checks"]["checksums"]["state"] == "wrong"


def test_what_is_no_finished_output_cannot_be_verified(output: Path, tmp_path: Path) -> None:
    assert call("verify", tmp_path / "absent").returncode == 3
    root_of(output).unlink()
    shutil.move(output / "checksums.json", tmp_path)
    done = call("verify", output)
    assert done.returncode == 3 and "finish it with" in done.stderr and "Traceback" not in done.stderr
    assert call("verify", output, "--tiles", "3", "--all").returncode == 2
