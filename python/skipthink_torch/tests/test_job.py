"""Job folders: what is read of them, what a run of one leaves, and how it is stopped."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import runner

from skipthink_torch.errors import WorkerError
from skipthink_torch.job import Job
from skipthink_torch.ranks import Ranks
from skipthink_torch.run_job import Stop, run_job
from skipthink_torch.state import save_model


def test_job_reads_steps(make_job: Any) -> None:
    job = Job(make_job("job"))
    assert len(job) == 24
    step = job.step(0)
    assert [len(micro) for micro in step.micro_batches] == [3, 2]
    assert [len(job.step(5).micro_batches[0]), step.stage, step.learning_rate] == [1, "answer", 1e-3]
    first = step.micro_batches[0][0]
    assert [len(first.prompt), len(first.context), len(first.target)] == [2, 0, 9]
    # Step 1 begins with the item that is second in step 0.
    again = job.step(1).micro_batches[0][0]
    assert np.array_equal(again.target, step.micro_batches[0][1].target)


def test_job_refuses_what_is_not_whole(make_job: Any, tmp_path: Path) -> None:
    folder = make_job("job")
    path = folder / "tokens.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(WorkerError, match=r"tokens\.bin has \d+ bytes, not"):
        Job(folder)
    (folder / "job.json").write_text(json.dumps({"format": 7}), "utf-8")
    with pytest.raises(WorkerError, match="format 7"):
        Job(folder)
    with pytest.raises(WorkerError, match="no job folder"):
        Job(tmp_path)


def memory(key: str) -> float:
    """Megabytes of this process."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(key))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_reading_holds_no_more_of_a_large_job(make_job: Any) -> None:
    folder = make_job("large")
    items, length, per_step = 24_000, 3_200, 8
    steps = items // per_step
    arrays = {
        "tokens": np.full(items * length, 7, "<u2"),
        "items": np.arange(items + 1, dtype="<f8") * length,
        "prompts": np.full(items, 2, "<i4"),
        "contexts": np.zeros(items, "<i4"),
        "sequences": np.arange(items, dtype="<i4"),
        "weights": np.full(items, 1 / per_step),
        "microBatches": np.arange(steps + 1, dtype="<f8") * per_step,
        "steps": np.arange(steps + 1, dtype="<f8"),
        "learningRates": np.full(steps, 1e-3),
        "epochs": np.zeros(steps, "<i4"),
        "stages": np.zeros(steps, "<i4"),
    }
    settings = json.loads((folder / "job.json").read_text("utf-8"))
    for name, array in arrays.items():
        array.tofile(folder / f"{name}.bin")
        settings["arrays"][name]["length"] = array.size
    (folder / "job.json").write_text(json.dumps(settings), "utf-8")
    megabytes = arrays["tokens"].nbytes / 2**20
    del arrays, array
    job = Job(folder)
    job.step(0)
    before, peak, tokens = memory("VmRSS"), 0.0, 0
    for index in range(len(job)):
        step = job.step(index)
        tokens += sum(one.length for micro in step.micro_batches for one in micro)
        if index % 50 == 0:
            peak = max(peak, memory("VmRSS"))
    assert tokens == items * length
    # Without giving pages back all 146 MB would be resident.
    assert peak - before < megabytes / 2


def test_a_job_stops_before_it_saves_what_a_bad_step_made(
    make_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_job("spoilt", steps=12)
    weights = np.fromfile(folder / "weights.bin", "<f8")
    # The first item of step 7.
    weights[5 * 5 + 1] = np.nan
    weights.tofile(folder / "weights.bin")
    monkeypatch.setattr("skipthink_torch.run_job.Stop", lambda: SimpleNamespace(requested=False))
    settings = json.loads((folder / "job.json").read_text("utf-8"))
    (folder / "job.json").write_text(json.dumps({**settings, "checkpointEverySteps": 5}), "utf-8")
    with pytest.raises(WorkerError, match=r"the loss is not a number \(step 7, epoch 1, stage ") as caught:
        run_job(folder, Ranks(0, 1, torch.device("cpu")))
    assert caught.value.remedy is not None and "maxGradientNorm" in caught.value.remedy
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["checkpoint-5"]
    assert not (folder / "student" / "model.safetensors").exists()
    assert (folder / "metrics.jsonl").read_text("utf-8").count("\n") == 6


def test_a_job_keeps_what_was_planned_for_generation(make_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_job("job", steps=1)
    monkeypatch.setattr("skipthink_torch.run_job.Stop", lambda: SimpleNamespace(requested=False))
    planned = folder / "student" / "generation_config.json"
    planned.write_text('{"suppress_tokens": [3, 17]}', "utf-8")
    ranks = Ranks(0, 1, torch.device("cpu"))
    # A second start of a finished job finds its student there.
    for _ in range(2):
        assert run_job(folder, ranks) == 0
        assert json.loads(planned.read_text("utf-8")) == {"suppress_tokens": [3, 17]}
    # Elsewhere the model's own settings go with it, over those of an earlier student.
    save_model(runner(folder / "model"), folder / "student")
    assert planned.read_bytes() == (folder / "model" / planned.name).read_bytes()


def test_a_second_ctrl_c_ends_at_once_but_not_the_echo_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("skipthink_torch.run_job.time.monotonic", lambda: now)
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = Stop()
        assert not stop.requested
        for one in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(one)
            now += 1.0
        assert stop.requested
        now += 1.0
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(SystemExit, match="130"):
            signal.raise_signal(signal.SIGINT)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
