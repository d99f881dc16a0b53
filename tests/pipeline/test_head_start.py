"""Workers come to life with what they need, and the process that leads a run does without torch."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from wsi_refocus.pipeline.head_start import START_METHOD

_WORKER = """
import multiprocessing, signal, sys
from wsi_refocus.pipeline.head_start import begin

def imported(pipe):
    import os
    pipe.send(([name for name in ("torch", "distributed", "scipy.ndimage") if name in sys.modules],
               os.environ["OMP_NUM_THREADS"], signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())))

if __name__ == "__main__":
    begin(with_torch={with_torch})
    begin(with_torch=True)  # there is one already
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=imported, args=(sender,))
    process.start()
    print(receiver.recv())
    process.join()
"""

_NOTHING_TO_DO = """
import multiprocessing.forkserver
from wsi_refocus.pipeline.head_start import begin

if __name__ == "__main__":
    begin(with_torch=True)
    print(multiprocessing.forkserver._forkserver._forkserver_pid)
"""

_RUN = """
import sys
from wsi_refocus_cli.app import main

if __name__ == "__main__":
    try:
        main()
    finally:
        print("torch" in sys.modules)
"""


@pytest.mark.skipif(START_METHOD != "forkserver", reason="workers are spawned here")
@pytest.mark.parametrize("with_torch", [True, False])
def test_workers_are_born_with_what_they_need(tmp_path: Path, with_torch: bool) -> None:
    """Forked from a process that has imported it, each with one thread for linear algebra and deaf to Ctrl-C."""
    script = tmp_path / "script.py"
    script.write_text(_WORKER.format(with_torch=with_torch))
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=True).stdout
    expected = ["torch"] * with_torch + ["distributed", "scipy.ndimage"]
    assert said.strip() == f"({expected!r}, '1', True)"


@pytest.mark.skipif(START_METHOD != "forkserver", reason="workers are spawned here")
def test_nothing_is_imported_any_more_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    """A command that ends at once leaves no process behind."""
    script = tmp_path / "script.py"
    script.write_text(_NOTHING_TO_DO)
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=True).stdout
    assert not psutil.pid_exists(int(said)) or psutil.Process(int(said)).status() == psutil.STATUS_ZOMBIE


def test_the_leading_process_imports_no_torch(slide: Path, weights: Path, tmp_path: Path) -> None:
    """What a run must know of a network, a worker tells."""
    script = tmp_path / "script.py"
    script.write_text(_RUN)
    output, part = ["-o", tmp_path / "out", "-q"], ["--region", "1100,1100,600,600"]
    arguments = ["run", slide, *output, *part, "--method", "tsva", "--checkpoint", weights, "--workers", "1"]
    done = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
