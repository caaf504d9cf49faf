"""Two gloo processes on the CPU against one: DDP, FSDP2, a rank killed in the middle, another number of ranks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import STEPS, write_job
from safetensors.numpy import load_file

PACKAGE = Path(__file__).resolve().parents[1]
# A machine that is busy with other things takes minutes to import torch twice.
SECONDS = int(os.environ.get("SKIPTHINK_TEST_SECONDS", "300"))


def start(folder: Path, ranks: int) -> subprocess.Popen[bytes]:
    """In a process group of its own, as a terminal starts commands."""
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
        start_new_session=True,
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
    wait_for(folder, process, after)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    finish(process)
    assert process.returncode != 0


def wait_for(folder: Path, process: subprocess.Popen[bytes], steps: int) -> None:
    """Until so many steps are trained."""
    path = folder / "metrics.jsonl"
    until = time.monotonic() + SECONDS
    while not path.exists() or path.read_text("utf-8").count("\n") < steps:
        assert process.poll() is None and time.monotonic() < until, "it ended before it could be stopped"
        time.sleep(0.001)


@pytest.fixture(scope="session")
def alone(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
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


@pytest.fixture(scope="session")
def alone_with_lora(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    folder = tmp_path_factory.mktemp("alone-lora") / "job"
    write_job(folder, model_folder, {}, lora=True)
    found = run(folder, 1)
    assert len(found) == STEPS and found[-1] < found[0] - 0.05
    return folder, found


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_adapters_survive_the_loss_of_a_rank(
    sharding: str, alone_with_lora: tuple[Path, list[float]], make_job: Any
) -> None:
    folder = make_job(sharding, lora=True, sharding=sharding)
    kill_one_rank(folder, after=6)
    assert len(losses(folder)) < STEPS
    assert run(folder, 2) == pytest.approx(alone_with_lora[1], abs=1e-4)
    # Two ranks leave the files of one: weights with the adapters merged in, and the adapters.
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        expected, found = (load_file(path / "student" / name) for path in (alone_with_lora[0], folder))
        assert {key: one.shape for key, one in expected.items()} == {k: one.shape for k, one in found.items()}
        assert max(abs(expected[key] - found[key]).max() for key in expected) < 5e-2
    frozen = "transformer.h.0.mlp.c_fc.weight"
    start, end = (load_file(folder / part / "model.safetensors")[frozen] for part in ("model", "student"))
    assert (start == end).all()


def test_one_ctrl_c_saves_though_it_comes_twice(alone: tuple[Path, list[float]], make_job: Any) -> None:
    # Long enough that it cannot end before it is stopped.
    folder = make_job("stopped", steps=2000)
    process = start(folder, 2)
    wait_for(folder, process, 6)
    # As a terminal does: to torchrun, which passes it on, and to each rank.
    os.killpg(process.pid, signal.SIGINT)
    messages = finish(process)
    assert process.returncode != 0
    assert "a checkpoint is saved" in messages, messages
    trained = len(losses(folder))
    assert 6 <= trained < 2000
    names = [path.name for path in (folder / "checkpoints").iterdir()]
    assert names == [f"checkpoint-{trained}"]
    # The same plan to the end of the shorter job.
    assert losses(folder)[:STEPS] == pytest.approx(alone[1][:trained], abs=1e-4)


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_no_rank_saves_what_a_bad_step_made(sharding: str, make_job: Any) -> None:
    folder = make_job("spoilt", sharding=sharding)
    weights = np.fromfile(folder / "weights.bin", "<f8")
    # The first item of step 7; checkpoints are saved every 4 steps.
    weights[5 * 5 + 1] = np.nan
    weights.tofile(folder / "weights.bin")
    process = start(folder, 2)
    messages = finish(process)
    assert process.returncode == 1
    own = [line for line in messages.splitlines() if line.startswith("rank ")]
    assert len([line for line in own if "the loss is not a number (step 7, epoch 1" in line]) == 1, messages
    assert len(own) <= 2 and "train.maxGradientNorm" in messages
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["checkpoint-4"]
    assert len(losses(folder)) == 6
    assert not (folder / "student" / "model.safetensors").exists()


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
