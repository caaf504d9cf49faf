"""Reading jobs, dealing out sequences, frames, and the loss itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from skipthink_torch import frames, scoring, serve
from skipthink_torch.batch import TokenSequence, deal, length_batches, share_step
from skipthink_torch.decoding import GenerateOptions, Prompt, generate
from skipthink_torch.errors import WorkerError, clear_notes, describe, is_consequence, leave_note
from skipthink_torch.job import Job
from skipthink_torch.ranks import Ranks
from skipthink_torch.run_job import Stop, run_job
from skipthink_torch.scoring import score
from skipthink_torch.state import save_model, write_tensors, write_text
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    def text(path: Path) -> None:
        write_text(path, "0" * 100_000)

    def tensors(path: Path) -> None:
        write_tensors(
            path, [("w", (9000,), lambda: torch.zeros(9000)), ("b", (0,), lambda: torch.zeros(0))], {}, True
        )

    for write in (text, tensors):
        path = tmp_path / write.__name__
        (tmp_path / f".{path.name}.{os.getpid()}.part").symlink_to("/dev/full")
        with pytest.raises(WorkerError, match=f"{path} cannot be written: No space left") as caught:
            write(path)
        assert caught.value.remedy is not None and caught.value.remedy.startswith("Free some disk space")
        assert list(tmp_path.iterdir()) == []
        write(path)
        assert [one.name for one in tmp_path.iterdir()] == [path.name]
        path.unlink()


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


def test_rows_kept_for_company_go_on_past_the_context(model_folder: Path) -> None:
    student = runner(model_folder)
    prompt = Prompt(sequence(60, 0, 0).prompt, np.zeros(0, np.int64))
    options = GenerateOptions(max_new_tokens=100, stop_tokens=[])
    alone = generate(student, [prompt], options)
    # The context holds 64 tokens, and the last token that is written need not be read.
    assert len(alone[0].tokens) == 5
    student.is_sharded = True
    left = [True] * 12
    student.ranks.any = lambda flag: flag or bool(left and left.pop())  # type: ignore[method-assign]
    assert generate(student, [prompt], options) == alone
    assert left == []


def test_a_text_of_a_pair_is_as_long_as_the_embedded_engines(tmp_path: Path) -> None:
    torch.manual_seed(1)
    sizes = {"vocab_size": 61, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 4}
    T5ForConditionalGeneration(T5Config(**sizes, n_positions=10, decoder_start_token_id=0)).save_pretrained(
        tmp_path
    )
    student = runner(tmp_path)
    assert student.capabilities["contextLength"] == 20
    one = sequence(11, 3, 0)
    found = generate(
        student, [Prompt(one.prompt, one.context)], GenerateOptions(max_new_tokens=50, stop_tokens=[])
    )
    # Prompt, context and text fill 20 places; the token after the last of them is written, too.
    assert len(found[0].tokens) == 20 - 11 - 3 + 1


def test_longrope_ends_with_its_short_factors(tmp_path: Path) -> None:
    config = Phi3Config(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=4,
        pad_token_id=0,
        max_position_embeddings=128,
        original_max_position_embeddings=64,
        rope_parameters={"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4},
    )
    Phi3ForCausalLM(config).save_pretrained(tmp_path)
    assert runner(tmp_path).capabilities["contextLength"] == 64


def test_scores_do_not_depend_on_how_many_rows_are_held(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = runner(model_folder)
    sequences = [sequence(3, 2, 5), sequence(1, 0, 9), sequence(4, 4, 1)]
    whole, _ = score(student, sequences, [1, 7], 1000, alternatives=True)
    monkeypatch.setattr(scoring, "_ROWS", 4)
    parts, _ = score(student, sequences, [1, 7], 1000, alternatives=True)
    for one, other in zip(whole, parts, strict=True):
        for name in ("log_probabilities", "is_argmax", "also", "alternatives"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("operation", "remedy"),
    [("train", "train.tokensPerBatch"), ("score", "twice"), ("generate", "evaluate.batchSize")],
)
def test_out_of_memory_names_what_helps_there(
    operation: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(socket, "socket", MagicMock())
    monkeypatch.setattr(serve, "_Worker", lambda *_: SimpleNamespace(handle=full))
    monkeypatch.setattr(frames, "receive", lambda _: ({"operation": operation}, {}))
    told: list[Any] = []
    monkeypatch.setattr(frames, "send", lambda _connection, message: told.append(message["error"]))
    with pytest.raises(torch.OutOfMemoryError) as caught:
        serve.serve(Ranks(0, 1, torch.device("cpu")), "address")
    assert remedy in told[0]["remedy"] and describe(caught.value)["remedy"] == told[0]["remedy"]


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
