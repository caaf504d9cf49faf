"""Trains a job folder: resumes from its last checkpoint, writes metrics lines, checkpoints and the finished student."""

import json
import math
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

from .errors import WorkerError
from .job import Job, PlannedStep
from .lora import LoraPlan
from .ranks import Ranks
from .serve import compute_options, optimizer_options
from .state import load_state, save_model, save_state, write_text, writing
from .student import load_student
from .training import Runner, StepReport

_INTERRUPTED = 130


# Ctrl-C reaches a rank twice: from the terminal, and from torchrun.
_SAME_SIGNAL_SECONDS = 3.0


class Stop:
    """Set by SIGTERM and SIGINT: a scheduler's warning or Ctrl-C. A second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self.since = 0.0
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._request)

    def _request(self, number: int, _frame: object) -> None:
        now = time.monotonic()
        if not self.requested:
            self.requested, self.since = True, now
        elif number == signal.SIGINT and now - self.since > _SAME_SIGNAL_SECONDS:
            sys.exit(_INTERRUPTED)


def run_job(folder: Path, ranks: Ranks) -> int:
    """Trains to the end of the plan. Returns the exit code: 0 done, 130 stopped with a checkpoint."""
    job = Job(folder)
    settings = job.settings
    if settings["threads"] > 0 and ranks.device.type == "cpu":
        torch.set_num_threads(settings["threads"])
    lora = LoraPlan.read(settings.get("lora"), job.adapters())
    student = load_student(job.model, settings.get("rows"), job.noise(), lora)
    runner = Runner(
        student, optimizer_options(settings["optimizer"]), compute_options(settings["compute"]), ranks
    )
    position = _resume(job, runner)
    metrics = _Metrics(job, position, ranks)
    stop = Stop()
    while position["step"] < len(job):
        planned = job.step(position["step"])
        started = time.perf_counter()
        report = runner.train(planned.micro_batches, planned.learning_rate)
        position["seconds"] += time.perf_counter() - started
        position["step"] += 1
        _check(report, planned, position["step"])
        position["trainedTokens"] += report.target_tokens
        metrics.add(planned, report)
        is_stopped = ranks.any(stop.requested)
        if is_stopped or position["step"] % settings["checkpointEverySteps"] == 0:
            _save(job, runner, position)
        if is_stopped and position["step"] < len(job):
            metrics.say(
                f"stopped at step {position['step']}; a checkpoint is saved, the same command goes on"
            )
            return _INTERRUPTED
    # The planned one has the tokens that are never written.
    save_model(runner, job.student, keep_generation_config=True)
    metrics.say(f"done: {job.student}")
    return 0


def _check(report: StepReport, planned: PlannedStep, step: int) -> None:
    """
    Stops all ranks alike after a step that has spoilt the weights, before they are saved over good ones
    (src/pipeline/guard.ts, without its rule for a loss that rises).
    """
    if math.isfinite(report.loss) and math.isfinite(report.gradient_norm):
        return
    raise WorkerError(
        f"the loss is not a number (step {step}, epoch {planned.epoch + 1}, stage {planned.stage})",
        "Lower train.learningRate or set train.maxGradientNorm, and write the job again; the last checkpoint is intact.",
    )


def _checkpoints(job: Job) -> list[Path]:
    """Whole checkpoints, oldest first; the position is written last, so it means that the rest is there."""
    folders = [
        path
        for path in (job.folder / "checkpoints").glob("checkpoint-*")
        if (path / "position.json").is_file()
    ]
    return sorted(folders, key=lambda path: int(path.name.rsplit("-", 1)[1]))


def _resume(job: Job, runner: Runner) -> dict[str, Any]:
    fresh = {"job": job.settings["id"], "step": 0, "trainedTokens": 0, "seconds": 0.0}
    found = runner.ranks.broadcast([str(path) for path in _checkpoints(job)])
    if not found:
        return fresh
    newest = Path(found[-1])
    position: dict[str, Any] = json.loads((newest / "position.json").read_text("utf-8"))
    if position["job"] != job.settings["id"]:
        raise WorkerError(
            f"{newest} belongs to another job", "Delete checkpoints/ and metrics.jsonl of the job folder."
        )
    load_state(runner, newest)
    return position


def _save(job: Job, runner: Runner, position: dict[str, Any]) -> None:
    target = job.folder / "checkpoints" / f"checkpoint-{position['step']}"
    save_state(runner, target)
    if not runner.ranks.is_first:
        return
    write_text(target / "position.json", json.dumps(position))
    for old in _checkpoints(job)[: -job.settings["keepCheckpoints"]]:
        shutil.rmtree(old, ignore_errors=True)


class _Metrics:
    """metrics.jsonl in the form of the embedded engine's, and a progress line; rank 0 only."""

    def __init__(self, job: Job, position: dict[str, Any], ranks: Ranks) -> None:
        self.path = job.folder / "metrics.jsonl"
        self.total = len(job)
        self.position = position
        self.is_on = ranks.is_first
        self.tokens = 0
        self.began, self.first, self.spoke = time.perf_counter(), position["step"], 0.0
        if not self.is_on:
            return
        old = self.path.read_text("utf-8").splitlines() if self.path.is_file() else []
        write_text(self.path, "".join(line + "\n" for line in old if _step_of(line) <= position["step"]))
        if position["step"] > 0:
            self.say(f"resumed at step {position['step']}")

    def add(self, planned: PlannedStep, report: StepReport) -> None:
        if not self.is_on:
            return
        line = {
            "step": self.position["step"],
            "epoch": planned.epoch,
            "stage": planned.stage,
            "loss": report.loss,
            "learningRate": planned.learning_rate,
            "gradientNorm": report.gradient_norm,
            "tokens": report.tokens,
            "paddedTokens": report.padded_tokens,
            "targetTokens": report.target_tokens,
            "trainedTokens": self.position["trainedTokens"],
            "seconds": self.position["seconds"],
        }
        with writing(self.path), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.tokens += report.tokens
        self._progress(report.loss, planned.learning_rate)

    def _progress(self, loss: float, learning_rate: float) -> None:
        now, step = time.perf_counter(), self.position["step"]
        if now - self.spoke < 2 and step < self.total:
            return
        self.spoke = now
        seconds = max(1e-9, now - self.began)
        left = seconds / (step - self.first) * (self.total - step)
        self.say(
            f"step {step}/{self.total} ({100 * step // self.total}%) | loss {loss:.3f} | lr {learning_rate:.1e} | "
            f"{self.tokens / seconds:,.0f} tok/s | eta {left / 60:.1f}m"
        )

    def say(self, text: str) -> None:
        if self.is_on:
            print(text, file=sys.stderr, flush=True)


def _step_of(line: str) -> float:
    """The step of a metrics line; infinite for one that a killed process did not finish."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
