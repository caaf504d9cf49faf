"""The worker that skipthink talks to: messages, a student's life, and a place for every rank."""

import json
import os
import socket
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import sequence

from skipthink_torch import frames, serve
from skipthink_torch.batch import TokenSequence
from skipthink_torch.errors import WorkerError
from skipthink_torch.ranks import Ranks
from skipthink_torch.student import load_student


def test_frames_come_back() -> None:
    left, right = socket.socketpair()
    arrays = {
        "tokens": np.arange(5, dtype=np.int32),
        "weights": np.array([0.5]),
        "none": np.zeros(0, np.uint8),
    }
    frames.send(left, {"operation": "train", "n": 3}, arrays)
    left.close()
    received = frames.receive(right)
    assert received is not None
    message, found = received
    assert message == {"operation": "train", "n": 3}
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())
    assert frames.receive(right) is None


def interactive(folder: Path) -> Any:
    """A worker that has opened a student as number 4."""
    worker = serve._Worker(Ranks(0, 1, torch.device("cpu")), None)
    settings = json.loads((folder / "job.json").read_text("utf-8"))
    request = {"operation": "open", "student": 4, "folder": str(folder / "model")}
    worker.handle({**request, "optimizer": settings["optimizer"], "compute": settings["compute"]}, {})
    return worker


def asked(sequences: list[TokenSequence]) -> dict[str, Any]:
    """As src/engine/torch/sequences.ts packs them."""
    parts = [(one.prompt, one.context, one.target) for one in sequences]
    lengths = np.array([[len(part) for part in one] for one in parts], np.int32)
    return {
        "tokens": np.concatenate([part for one in parts for part in one]).astype(np.int32),
        **{name: lengths[:, at] for at, name in enumerate(("prompt", "context", "target"))},
        "weights": np.array([one.weight for one in sequences]),
        "microBatches": np.array([len(sequences)], np.int32),
    }


def test_a_loss_that_is_no_number_arrives_as_such(make_job: Any) -> None:
    worker = interactive(make_job("job"))
    request = {"operation": "train", "student": 4, "learningRate": 1e-3}
    left, right = socket.socketpair()
    for weight in (float("nan"), float("inf")):
        frames.send(left, *worker.handle(request, asked([sequence(3, 2, 5, weight)])))
        received = frames.receive(right)
        assert received is not None
        loss, norm = received[1]["figures"]
        assert not np.isfinite(loss) and not np.isfinite(norm)
    with pytest.raises(ValueError, match="JSON"):
        frames.send(left, {"loss": float("nan")})


def test_a_closed_student_gives_its_memory_back(make_job: Any) -> None:
    worker = interactive(make_job("job"))
    worker.handle({"operation": "train", "student": 4, "learningRate": 1e-3}, asked([sequence(3, 2, 5, 1.0)]))
    runner = worker.runners[4]
    watched = [weakref.ref(one) for one in (runner.student, runner.optimizer, *runner.parameters.values())]
    del runner
    worker.handle({"operation": "close", "student": 4}, {})
    assert [one() for one in watched] == [None] * len(watched)


def test_a_student_is_freed_without_a_collection(model_folder: Path) -> None:
    student = load_student(model_folder)
    watched = weakref.ref(student)
    del student
    assert watched() is None


def test_a_process_ends_with_its_parent() -> None:
    child = "import time; from skipthink_torch.parent import end_with_parent as e; e(); print(flush=True); time.sleep(600)"
    parent = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        "time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"
    process.kill()
    # The pipe ends when the child, too, is gone.
    assert process.communicate(timeout=60)[0] == b""


def test_rank_0_away_from_skipthink_is_told_on_both_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {0: "0", 1: "0", 2: "1", 3: "1"}
    for rank, node in places.items():
        monkeypatch.setenv("GROUP_RANK", node)
        ranks = Ranks(rank, 4, torch.device("cpu"))
        serve._check_place(ranks, "socket" if node == "0" else None)
        with pytest.raises(WorkerError, match=r"rank 0 is not on skipthink's machine.*c10d") as caught:
            serve._check_place(ranks, None if node == "0" else "socket")
        assert caught.value.remedy is not None and "--node-rank=0 --master-addr" in caught.value.remedy
    monkeypatch.delenv("GROUP_RANK")
    with pytest.raises(WorkerError, match="no skipthink to follow"):
        serve._check_place(Ranks(0, 1, torch.device("cpu")), None)


@pytest.mark.parametrize(("gpus", "remedy"), [(0, "torch.device=cpu"), (1, "Set torch.processes=1 ")])
def test_more_processes_than_gpus_are_told(gpus: int, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(WorkerError, match=r"no GPU|2 processes for 1 GPU of") as caught:
        Ranks.join("cuda")
    assert caught.value.remedy is not None and remedy in caught.value.remedy
