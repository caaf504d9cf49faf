"""The recipe for Slurm, with scripts in place of its commands."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "torch" / "slurm.sh"

SCONTROL = """
if [ "$1" = requeue ]; then echo "$2" >>"$NOTES/requeued"; else echo node-a; fi
"""
# As torchrun: a warning is passed on, and waited for until the checkpoint is written.
SRUN = """
trap 'sleep 0.5; echo saved >"$NOTES/checkpoint"; exit $AFTER' TERM
echo "$@" >"$NOTES/command"
echo ready
[ "$WAITS" = no ] && exit "$AFTER"
while true; do sleep 0.05; done
"""


def start(folder: Path, after: int, waits: bool) -> subprocess.Popen[bytes]:
    """after: what srun ends with."""
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        path = folder / name
        path.write_text(f"#!/usr/bin/env bash\n{text}", "utf-8")
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "NOTES": str(folder),
        "AFTER": str(after),
        "WAITS": "yes" if waits else "no",
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_NNODES": "2",
        "SLURM_JOB_ID": "77",
    }
    process = subprocess.Popen(
        ["bash", str(RECIPE), "jobs/full"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize(("after", "requeued"), [(1, ["77"]), (0, [])])
def test_a_warning_saves_a_checkpoint_and_requeues_what_is_not_done(
    after: int, requeued: list[str], tmp_path: Path
) -> None:
    process = start(tmp_path, after, waits=True)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == after
    assert (tmp_path / "checkpoint").exists()
    path = tmp_path / "requeued"
    assert (path.read_text("utf-8").split() if path.exists() else []) == requeued
    command = (tmp_path / "command").read_text("utf-8")
    assert "--rdzv-endpoint node-a:29500" in command and command.endswith("-m skipthink_torch jobs/full\n")


@pytest.mark.parametrize("after", [0, 1])
def test_a_training_that_ends_by_itself_is_not_requeued(after: int, tmp_path: Path) -> None:
    process = start(tmp_path, after, waits=False)
    process.communicate(timeout=60)
    assert process.returncode == after
    assert not (tmp_path / "requeued").exists()
