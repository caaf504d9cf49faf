"""The interactive worker: rank 0 takes requests from skipthink's process, all ranks carry them out together."""

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import frames
from .batch import TokenSequence
from .decoding import GenerateOptions, Prompt, generate
from .errors import MEMORY_REMEDIES, WorkerError, describe, is_out_of_memory
from .frames import Array
from .lora import LoraPlan
from .ranks import Ranks
from .scoring import score
from .state import load_state, save_model, save_state
from .student import Compute, load_student
from .training import AdamWOptions, Runner

Reply = tuple[dict[str, Any], dict[str, Array]]


def serve(ranks: Ranks, address: str | None) -> None:
    """Answers requests until the other end closes. `address`: the Unix socket to connect to; used on rank 0."""
    connection: socket.socket | None = None
    _check_place(ranks, address)
    if ranks.is_first and address is not None:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address)
    try:
        worker = _Worker(ranks, connection)
        while True:
            request = ranks.broadcast(frames.receive(connection) if connection is not None else None)
            if request is None:
                return
            try:
                reply = worker.handle(*request)
            except Exception as error:
                if is_out_of_memory(error):
                    # An attribute as WorkerError has it, so that the note says the same as the reply.
                    error.remedy = MEMORY_REMEDIES.get(request[0]["operation"])  # type: ignore[attr-defined]
                # Alone, a refusal leaves the student as it was. Among several ranks nobody knows how far the others came.
                if connection is not None:
                    frames.send(connection, {"error": describe(error)})
                if ranks.world > 1 or not isinstance(error, WorkerError):
                    raise
                continue
            if connection is not None:
                frames.send(connection, *reply)
    finally:
        if connection is not None:
            connection.close()


def _check_place(ranks: Ranks, address: str | None) -> None:
    """Rank 0 is where skipthink is. Both sides tell when it is not, so that skipthink's own end has the cause."""
    is_first_node = ranks.is_first or os.environ.get("GROUP_RANK", "0") == "0"
    if is_first_node == (address is not None):
        return
    if ranks.world == 1:
        raise WorkerError(
            "there is no skipthink to follow",
            "Start this node by torchrun, with skipthink's --nnodes and a --node-rank of its own.",
        )
    raise WorkerError(
        "rank 0 is not on skipthink's machine: --rdzv-backend c10d gives it to any node",
        "Give torchrun fixed places: --nnodes=N --node-rank=0 --master-addr=HOST --master-port=29500 after skipthink's --, "
        "and the same with --node-rank=1 and up on the machines that follow.",
    )


class _Worker:
    def __init__(self, ranks: Ranks, connection: socket.socket | None) -> None:
        self.ranks = ranks
        self.connection = connection
        self.runners: dict[int, Runner] = {}

    def handle(self, request: dict[str, Any], arrays: dict[str, Array]) -> Reply:
        operation = request["operation"]
        if operation == "open":
            return self._open(request, arrays)
        if operation == "close":
            self._close(request["student"])
            return {}, {}
        runner = self.runners[request["student"]]
        match operation:
            case "train":
                return _train(runner, request, arrays)
            case "score":
                return _score(runner, request, arrays)
            case "generate":
                return self._generate(runner, request, arrays)
            case "saveModel":
                save_model(runner, Path(request["folder"]))
            case "saveCheckpoint":
                save_state(runner, Path(request["folder"]))
            case "loadCheckpoint":
                load_state(runner, Path(request["folder"]))
            case _:
                raise WorkerError(
                    f"unknown request {operation!r}", "Worker and skipthink are of different versions."
                )
        return {}, {}

    def _open(self, request: dict[str, Any], arrays: dict[str, Array]) -> Reply:
        lora = LoraPlan.read(request.get("lora"), arrays.get("adapters"))
        student = load_student(Path(request["folder"]), request.get("rows"), arrays.get("noise"), lora)
        runner = Runner(
            student, optimizer_options(request["optimizer"]), compute_options(request["compute"]), self.ranks
        )
        self.runners[request["student"]] = runner
        return runner.capabilities, {}

    def _close(self, student: int) -> None:
        """Gives its memory back to the GPU, where the next student may need all of it."""
        del self.runners[student]
        # Modules that refer to each other go with a collection only.
        gc.collect()
        if self.ranks.device.type == "cuda":
            torch.cuda.empty_cache()

    def _generate(self, runner: Runner, request: dict[str, Any], arrays: dict[str, Array]) -> Reply:
        prompts = [Prompt(p, c) for p, c in _split(arrays, ("prompt", "context"))]
        draws = arrays.get("draws")
        connection = self.connection if request["stream"] else None

        def stream(index: int, token: int) -> None:
            if connection is not None:
                frames.send(connection, {"event": "token", "sequence": index, "token": token})

        options = GenerateOptions(
            max_new_tokens=request["maxNewTokens"],
            stop_tokens=request["stopTokens"],
            suppress_tokens=request["suppressTokens"],
            temperature=request["temperature"],
            batch_size=request["batchSize"],
            draws=None if draws is None else draws.reshape(len(prompts), -1),
            on_token=stream,
        )
        found = generate(runner, prompts, options)
        return {}, {
            "tokens": np.array([token for one in found for token in one.tokens], np.int32),
            "lengths": np.array([len(one.tokens) for one in found], np.int32),
            "stopped": np.array([one.stopped for one in found], np.uint8),
        }


def optimizer_options(given: dict[str, Any]) -> AdamWOptions:
    """OptimizerOptions of src/engine/engine.ts."""
    return AdamWOptions(
        given["beta1"], given["beta2"], given["epsilon"], given["weightDecay"], given["maxGradientNorm"]
    )


def compute_options(given: dict[str, Any]) -> Compute:
    """The recipe's `torch` section."""
    return Compute(given["precision"], given["sharding"], given["gradientCheckpointing"], given["compile"])


def _train(runner: Runner, request: dict[str, Any], arrays: dict[str, Array]) -> Reply:
    sequences = [
        TokenSequence(p, c, t, float(weight))
        for (p, c, t), weight in zip(
            _split(arrays, ("prompt", "context", "target")), arrays["weights"], strict=True
        )
    ]
    micro_batches = []
    at = 0
    for size in arrays["microBatches"].tolist():
        micro_batches.append(sequences[at : at + size])
        at += size
    report = runner.train(micro_batches, request["learningRate"])
    counts = {
        "targetTokens": report.target_tokens,
        "tokens": report.tokens,
        "paddedTokens": report.padded_tokens,
    }
    # A loss that is no number must arrive as such: what stops the training then is on the other side.
    figures = np.array([report.loss, report.gradient_norm], np.float64)
    return counts, {"figures": figures, "sequenceLosses": report.sequence_losses}


def _score(runner: Runner, request: dict[str, Any], arrays: dict[str, Array]) -> Reply:
    sequences = [TokenSequence(p, c, t) for p, c, t in _split(arrays, ("prompt", "context", "target"))]
    found, counts = score(
        runner, sequences, request["alsoTokens"], request["maxTokens"], request["alternatives"]
    )
    nothing = np.zeros(0, np.float32)
    return {"forwardPasses": counts.passes, "scoredTokens": counts.tokens}, {
        "logProbabilities": np.concatenate([nothing, *(one.log_probabilities for one in found)]),
        "isArgmax": np.concatenate([np.zeros(0, np.uint8), *(one.is_argmax for one in found)]),
        "also": np.concatenate([nothing, *(one.also.ravel() for one in found)]),
        "alternatives": np.concatenate([np.zeros(0, np.int32), *(one.alternatives for one in found)]),
    }


def _split(arrays: dict[str, Array], parts: tuple[str, ...]) -> Iterator[tuple[Array, ...]]:
    """Sequences from `tokens` and one array of lengths per part."""
    tokens = arrays["tokens"].astype(np.int64)
    lengths = np.stack([arrays[part] for part in parts], axis=1)
    ends = np.cumsum(lengths.ravel()).reshape(lengths.shape)
    for own_lengths, own_ends in zip(lengths.tolist(), ends.tolist(), strict=True):
        yield tuple(tokens[end - length : end] for length, end in zip(own_lengths, own_ends, strict=True))
