"""Generation with a key-value cache: greedy, or by draws that the caller sends. Finished rows leave the batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .batch import Tokens, deal, to_device
from .training import Runner


@dataclass(frozen=True)
class GenerateOptions:
    """As GenerateOptions of src/engine/engine.ts, with the random draws made by the caller."""

    max_new_tokens: int
    stop_tokens: Sequence[int]
    # Never written, whatever their logits.
    suppress_tokens: Sequence[int] = ()
    temperature: float = 0.0
    batch_size: int = 32
    # Uniform draws in [0, 1), one per prompt and new token; needed above temperature 0. [prompts, max_new_tokens]
    draws: npt.NDArray[np.float64] | None = None
    # Called with (prompt, token) as tokens come; on rank 0, for its own prompts.
    on_token: Callable[[int, int], None] | None = None


@dataclass
class Generation:
    """New tokens of one prompt, the stop token included."""

    tokens: list[int] = field(default_factory=list)
    stopped: bool = False


@dataclass(frozen=True)
class Prompt:
    """What a sequence is given: `prompt` (the encoder's, where there is one) and `context`."""

    prompt: Tokens
    context: Tokens


def generate(runner: Runner, prompts: Sequence[Prompt], options: GenerateOptions) -> list[Generation]:
    """Generations in the order given, on rank 0; other ranks return nothing."""
    ranks = runner.ranks
    lengths = [len(one.prompt) + len(one.context) for one in prompts]
    rows = options.batch_size
    shares = [[part[i : i + rows] for i in range(0, len(part), rows)] for part in deal(lengths, ranks.world)]
    own = shares[ranks.rank]
    found: dict[int, Generation] = {}
    if options.max_new_tokens > 0:
        with runner.inference():
            for k in range(max(len(share) for share in shares)):
                # Sharded parameters are fetched by all ranks together, so a rank without a batch runs one for company.
                is_idle = k >= len(own)
                if is_idle and not runner.is_sharded:
                    break
                found.update(_Rows(runner, prompts, [0] if is_idle else own[k], options, is_idle).run())
    gathered = ranks.gather(found)
    together = {index: one for part in gathered for index, one in part.items()}
    return [together.get(index, Generation()) for index in range(len(prompts))] if ranks.is_first else []


class _Rows:
    """One batch on its way from prompts to texts. Prompts are padded on the left, so new tokens stand in one column."""

    def __init__(
        self,
        runner: Runner,
        prompts: Sequence[Prompt],
        indices: Sequence[int],
        options: GenerateOptions,
        is_idle: bool,
    ) -> None:
        self.runner = runner
        self.options = options
        self.is_idle = self.is_company = is_idle
        self.indices = list(indices)
        self.generations = {index: Generation() for index in indices}
        self.stops = set(options.stop_tokens)
        self.context_length = int(str(runner.capabilities["contextLength"]))
        start = runner.student.decoder_start
        picked = [prompts[index] for index in indices]
        if start is None:
            read = [np.concatenate((one.prompt, one.context)) for one in picked]
        else:
            read = [np.concatenate((np.array([start], np.int64), one.context)) for one in picked]
        self.lengths = [len(tokens) for tokens in read]
        # As long as prompt, context and text fit together, whichever side of a pair reads them (src/engine/onnx/decoding.ts).
        given = [len(one.prompt) + len(one.context) for one in picked]
        self.limits = [
            length + self.context_length - whole for length, whole in zip(self.lengths, given, strict=True)
        ]
        device = runner.ranks.device
        self.suppressed: torch.Tensor | None = None
        if options.suppress_tokens:
            self.suppressed = torch.tensor(list(options.suppress_tokens), device=device)
        ids, mask = _left_padded(read)
        self.ids, self.mask = to_device(ids, device), to_device(mask, device)
        self.encoder: dict[str, Any] = {}
        if start is not None:
            encoder_ids, encoder_mask = _left_padded([one.prompt for one in picked])
            self.encoder = {
                "input_ids": to_device(encoder_ids, device),
                "attention_mask": to_device(encoder_mask, device),
            }
        self.cache: Any = None

    def run(self) -> dict[int, Generation]:
        step = 0
        while True:
            tokens = self._choose(self._read(), step)
            step += 1
            alive = [row for row, token in enumerate(tokens) if self._goes_on(row, token)]
            is_done = not alive or self.is_idle
            if self.runner.is_sharded:
                # All ranks go on while one does; a finished one keeps a row for company.
                if not self.runner.ranks.any(not is_done):
                    break
                if is_done:
                    self.is_idle, alive = True, alive or [0]
            elif is_done:
                break
            self._keep(alive, tokens)
        return {} if self.is_company else self.generations

    def _read(self) -> torch.Tensor:
        """Logits of the next token. [rows, vocabulary]"""
        student = self.runner.student
        rows, time = self.ids.shape
        last = torch.arange(1, rows + 1, device=self.ids.device) * time - 1
        if student.decoder_start is None:
            # A row kept for company goes on where its context has ended: there is no further position, and nobody reads it.
            positions = (self.mask.cumsum(1) - 1).clamp(0, self.context_length - 1)[:, -time:]
            inputs = {"input_ids": self.ids, "attention_mask": self.mask, "position_ids": positions}
        else:
            inputs = {**self.encoder, "decoder_input_ids": self.ids, "decoder_attention_mask": self.mask}
        output = student.at(last, **inputs, past_key_values=self.cache, use_cache=True)
        self.cache = output.past_key_values
        if student.decoder_start is not None:
            self.encoder.pop("input_ids", None)
            self.encoder["encoder_outputs"] = (output.encoder_last_hidden_state,)
        logits: torch.Tensor = output.logits
        return logits.float()

    def _choose(self, logits: torch.Tensor, step: int) -> list[int]:
        if self.suppressed is not None:
            # A copy, because float32 logits are the model's own output.
            logits = logits.index_fill(1, self.suppressed, -torch.inf)
        if self.options.temperature <= 0 or self.options.draws is None:
            return [int(token) for token in logits.argmax(dim=-1).tolist()]
        scaled = (logits.double() / self.options.temperature).softmax(dim=-1).cumsum(dim=-1)
        at = min(step, self.options.draws.shape[1] - 1)
        draws = torch.tensor(self.options.draws[self.indices, at], device=logits.device)
        chosen = torch.searchsorted(scaled, draws[:, None] * scaled[:, -1:], right=True)[:, 0]
        return [int(token) for token in chosen.clamp_max(logits.shape[-1] - 1).tolist()]

    def _goes_on(self, row: int, token: int) -> bool:
        if self.is_idle:
            return True
        generation = self.generations[self.indices[row]]
        generation.tokens.append(token)
        if self.options.on_token is not None:
            self.options.on_token(self.indices[row], token)
        generation.stopped = token in self.stops
        is_full = (
            len(generation.tokens) >= self.options.max_new_tokens or self.lengths[row] >= self.limits[row]
        )
        return not (generation.stopped or is_full)

    def _keep(self, alive: list[int], tokens: list[int]) -> None:
        """Takes the rows that go on to their next token."""
        device = self.ids.device
        if len(alive) < len(tokens):
            picked = torch.tensor(alive, device=device)
            self.cache.batch_select_indices(picked)
            self.mask = self.mask[picked]
            if "attention_mask" in self.encoder:
                self.encoder["attention_mask"] = self.encoder["attention_mask"][picked]
                self.encoder["encoder_outputs"] = (self.encoder["encoder_outputs"][0][picked],)
        self.indices = [self.indices[row] for row in alive]
        self.lengths = [self.lengths[row] + 1 for row in alive]
        self.limits = [self.limits[row] for row in alive]
        self.ids = torch.tensor([[tokens[row]] for row in alive], device=device)
        one = torch.ones((len(alive), 1), dtype=self.mask.dtype, device=device)
        self.mask = torch.cat((self.mask, one), dim=1)


def _left_padded(rows: Sequence[Tokens]) -> tuple[Tokens, Tokens]:
    time = max(len(row) for row in rows)
    ids, mask = np.zeros((len(rows), time), np.int64), np.zeros((len(rows), time), np.int64)
    for index, row in enumerate(rows):
        ids[index, time - len(row) :] = row
        mask[index, time - len(row) :] = 1
    return ids, mask
