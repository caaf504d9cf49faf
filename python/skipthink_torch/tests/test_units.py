"""Reading jobs, dealing out sequences, frames, and the loss itself."""

import json
import signal
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from skipthink_torch import frames
from skipthink_torch.batch import TokenSequence, deal, length_batches, share_step
from skipthink_torch.decoding import GenerateOptions, Prompt, generate
from skipthink_torch.errors import WorkerError, clear_notes, describe, is_consequence, leave_note
from skipthink_torch.job import Job
from skipthink_torch.ranks import Ranks
from skipthink_torch.run_job import Stop, run_job
from skipthink_torch.scoring import score
from skipthink_torch.state import save_model
from skipthink_torch.student import Compute, load_student
from skipthink_torch.training import AdamWOptions, Runner


def sequence(prompt: int, context: int, target: int, weight: float = 1.0) -> TokenSequence:
    tokens = np.arange(prompt + context + target) % 50 + 1
    return TokenSequence(
        tokens[:prompt], tokens[prompt : prompt + context], tokens[prompt + context :], weight
    )


def runner(folder: Path, **compute: Any) -> Runner:
    return Runner(load_student(folder), AdamWOptions(), Compute(**compute), Ranks(0, 1, torch.device("cpu")))


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


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_every_sequence_goes_to_one_rank(world: int) -> None:
    lengths = [[9, 8, 8], [5, 5, 2]]
    shares = share_step(lengths, world)
    flat = [length for micro in lengths for length in micro]
    assert sorted(index for rank in shares for micro in rank for index in micro) == list(range(6))
    for micro in (m for rank in shares for m in rank):
        assert len(micro) * max(flat[index] for index in micro) <= 27


@pytest.mark.parametrize("world", [1, 2, 8, 64])
def test_a_call_of_scoring_is_work_for_all_ranks(world: int) -> None:
    lengths = [40 + 7 * (index % 31) for index in range(256)]
    dealt = deal(lengths, world)
    assert {len(part) for part in dealt} == {256 // world}
    shares = [length_batches(lengths, part, 8192) for part in dealt]
    assert sorted(i for batches in shares for batch in batches for i in batch) == list(range(256))
    for batch in (one for batches in shares for one in batches):
        assert len(batch) * max(lengths[index] for index in batch) <= 8192
    # All wait for the rank with the most tokens.
    tokens = [sum(lengths[index] for index in part) for part in dealt]
    assert max(tokens) < 1.35 * sum(tokens) / world


def test_one_rank_takes_the_plan_as_it_is() -> None:
    assert share_step([[3, 9], [2]], 1) == [[[0, 1], [2]]]


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


def test_loss_is_the_weighted_mean_of_transformers(model_folder: Path) -> None:
    sequences = [sequence(3, 2, 5, 0.7), sequence(1, 0, 9, 0.3)]
    model = AutoModelForCausalLM.from_pretrained(model_folder).eval()
    expected = 0.0
    for one in sequences:
        ids = torch.tensor(np.concatenate((one.prompt, one.context, one.target)))[None]
        labels = ids.clone()
        labels[:, : -len(one.target)] = -100
        expected += one.weight * model(ids, labels=labels).loss.item()
    assert runner(model_folder).train([sequences], 1e-3).loss == pytest.approx(expected, abs=1e-5)


def test_micro_batches_add_up(model_folder: Path) -> None:
    sequences = [sequence(3, 2, 5, 0.5), sequence(1, 0, 9, 0.2), sequence(4, 4, 1, 0.3)]
    whole, cut = runner(model_folder), runner(model_folder)
    for _ in range(3):
        one, other = whole.train([sequences], 1e-3), cut.train([sequences[:1], sequences[1:]], 1e-3)
        assert other.loss == pytest.approx(one.loss, abs=1e-5)
        assert other.gradient_norm == pytest.approx(one.gradient_norm, rel=1e-4)


@pytest.mark.parametrize("compute", [{"gradient_checkpointing": True}, {"precision": "bfloat16"}])
def test_other_ways_to_compute_train_too(model_folder: Path, compute: dict[str, Any]) -> None:
    sequences = [sequence(3, 2, 5, 0.7), sequence(1, 0, 9, 0.3)]
    plain, other = runner(model_folder), runner(model_folder, **compute)
    for _ in range(3):
        expected, found = plain.train([sequences], 1e-3).loss, other.train([sequences], 1e-3).loss
        assert found == pytest.approx(expected, abs=1e-5 if "precision" not in compute else 0.05)


def test_suppressed_tokens_are_never_written(model_folder: Path) -> None:
    student = runner(model_folder)
    given = [sequence(3, 2, 0), sequence(5, 0, 0), sequence(1, 1, 0)]
    prompts = [Prompt(one.prompt, one.context) for one in given]

    def written(**options: Any) -> list[list[int]]:
        found = generate(student, prompts, GenerateOptions(max_new_tokens=6, stop_tokens=[], **options))
        return [one.tokens for one in found]

    free = written()
    firsts = [tokens[0] for tokens in free]
    # What is best after the best token, one prompt at a time.
    asked = [TokenSequence(p.prompt, p.context, np.array([t])) for p, t in zip(prompts, firsts, strict=True)]
    scores, _ = score(student, asked, [], 1000, alternatives=True)
    for index, (first, alone) in enumerate(zip(firsts, scores, strict=True)):
        bound = written(suppress_tokens=[first])
        assert first not in bound[index] and bound[index][0] == alone.alternatives[0]
    # Draws in the whole range: every token but the suppressed ones may come.
    draws = np.linspace(0, 1, 18, endpoint=False).reshape(3, 6)
    kept = 4
    rest = list(range(kept, 61))
    sampled = written(suppress_tokens=rest, temperature=5.0, draws=draws)
    assert {token for tokens in sampled for token in tokens} == set(range(kept))


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


def test_a_lost_connection_is_no_cause() -> None:
    assert is_consequence(RuntimeError("[gloo] Connection closed by peer [127.0.0.1]:123"))
    assert not is_consequence(WorkerError("connection closed"))
    assert describe(KeyError("x"))["message"] == "KeyError: 'x'"


def test_a_machine_that_cannot_compile_is_told_what_it_lacks(tmp_path: Path, capsys: Any) -> None:
    no_compiler = type("InvalidCxxCompiler", (RuntimeError,), {"__module__": "torch._inductor.exc"})
    leave_note(no_compiler("No working C++ compiler found\nmore of it"), tmp_path)
    shown = capsys.readouterr().err
    assert shown.startswith("rank 0: torch.compile failed: No working C++ compiler found\n")
    assert "torch.compile=false" in shown and "Traceback" not in shown


def too_large() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError(), too_large()],
)
def test_out_of_memory_is_told_once_with_a_remedy(
    error: BaseException, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = tmp_path / "torchrun.json"
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(launcher))
        leave_note(error, tmp_path)
        if rank == "1":
            first = json.loads(launcher.read_text("utf-8"))
    second = json.loads(launcher.read_text("utf-8"))
    shown = capsys.readouterr().err
    assert shown.startswith("rank 1: out of memory: ")
    assert shown.count("gradientCheckpointing") == 1 and shown.endswith("rank 0: failed too\n")
    assert "Traceback" not in shown
    assert first["message"].startswith("out of memory") and second["timestamp"] > first["timestamp"]
    clear_notes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["torchrun.json"]


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
