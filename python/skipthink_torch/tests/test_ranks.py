"""Two gloo processes on the CPU against one: DDP, FSDP2, a rank killed in the middle, another number of ranks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

PACKAGE = Path(__file__).resolve().parents[1]
# A machine that is busy with other things takes minutes to import torch twice.
SECONDS = int(os.environ.get("SKIPTHINK_TEST_SECONDS", "300"))


def start(folder: Path, ranks: int) -> subprocess.Popen[bytes]:
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"] if ranks > 1 else []
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "skipthink_torch", str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    _, messages = process.communicate(timeout=SECONDS)
    return messages.decode()


def losses(folder: Path) -> list[float]:
    path = folder / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss"] for line in lines]


def run(folder: Path, ranks: int) -> list[float]:
    process = start(folder, ranks)
    messages = finish(process)
    assert process.returncode == 0, messages
    return losses(folder)


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_one_rank(folder: Path, after: int) -> None:
    """SIGKILL for one of two ranks once `after` steps are trained."""
    process = start(folder, 2)
    path = folder / "metrics.jsonl"
    until = time.monotonic() + SECONDS
    while not path.exists() or path.read_text("utf-8").count("\n") < after:
        assert process.poll() is None and time.monotonic() < until, "it ended before it could be killed"
        time.sleep(0.001)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    finish(process)
    assert process.returncode != 0


@pytest.fixture(scope="session")
def alone(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    from conftest import STEPS, write_job

    folder = tmp_path_factory.mktemp("alone") / "job"
    write_job(folder, model_folder, {})
    found = run(folder, 1)
    assert len(found) == STEPS and found[-1] < found[0] - 0.1
    return folder, found


def test_ddp_equals_one_rank(alone: tuple[Path, list[float]], make_job: Any) -> None:
    folder = make_job("ddp")
    assert run(folder, 2) == pytest.approx(alone[1], abs=1e-4)
    expected, found = (load_file(path / "student/model.safetensors") for path in (alone[0], folder))
    assert expected.keys() == found.keys()
    # Adam turns the rounding of tiny gradients into steps of the size of the learning rate.
    assert max(abs(expected[name] - found[name]).max() for name in expected) < 5e-3


def test_fsdp_survives_the_loss_of_a_rank(alone: tuple[Path, list[float]], make_job: Any) -> None:
    folder = make_job("fsdp", sharding="fsdp")
    kill_one_rank(folder, after=6)
    assert len(losses(folder)) < len(alone[1])
    assert run(folder, 2) == pytest.approx(alone[1], abs=1e-4)


def test_saved_with_two_ranks_resumed_with_one(alone: tuple[Path, list[float]], make_job: Any) -> None:
    folder = make_job("fewer", sharding="fsdp")
    kill_one_rank(folder, after=6)
    assert run(folder, 1) == pytest.approx(alone[1], abs=1e-4)


def test_the_error_of_the_first_failing_rank_is_shown(make_job: Any) -> None:
    folder = make_job("broken")
    (folder / "tokens.bin").unlink()
    process = start(folder, 2)
    messages = finish(process)
    assert process.returncode == 1
    # Both ranks fail: one says why, the other that it failed too (or torchrun ends it first).
    own = [line for line in messages.splitlines() if line.startswith("rank ")]
    assert len([line for line in own if "tokens.bin has 0 bytes" in line]) == 1
    assert len(own) <= 2 and all("failed too" in line or "tokens.bin" in line for line in own), own
    # torchrun names the same cause; the only traceback is its own.
    assert "tokens.bin has 0 bytes" in messages.split("Root Cause")[1]
    assert messages.count("Traceback") == 1 and "run_job.py" not in messages
