"""Token sequences to padded tensors, and which rank takes which of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenSequence:
    """One sequence: tokens it is given, and tokens that carry loss (never empty)."""

    prompt: Tokens
    context: Tokens
    target: Tokens
    weight: float = 0.0

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.context) + len(self.target)


@dataclass(frozen=True)
class Batch:
    """Padded inputs of one forward pass."""

    # Arguments of the transformers model: ids [rows, time], and for encoder-decoder students masks and decoder ids.
    inputs: dict[str, torch.Tensor]
    # Flat index (row · time + position) of the hidden state that predicts each supervised token. [supervised]
    rows: torch.Tensor
    # [supervised]; one dummy 0 per sequence where `after` was asked for.
    targets: torch.Tensor
    # Sequence of each supervised token. [supervised]
    owners: torch.Tensor
    # First supervised index of each sequence, and the end. [sequences + 1]
    offsets: list[int]
    # Tokens read without padding, and with it.
    tokens: int
    padded_tokens: int


def collate(
    sequences: Sequence[TokenSequence],
    device: torch.device,
    decoder_start: int | None,
    after: bool = False,
) -> Batch:
    """
    Right-padded inputs. A decoder-only student needs no mask: supervised positions never look to the right.

    decoder_start: the token an encoder-decoder student's decoder begins with; None for decoder-only students.
    after: also predict from the last target token.
    """
    extra = 1 if after else 0
    if decoder_start is None:
        read = [np.concatenate((s.prompt, s.context, s.target)) for s in sequences]
        given = [len(s.prompt) + len(s.context) for s in sequences]
    else:
        start = np.array([decoder_start], np.int64)
        read = [np.concatenate((start, s.context, s.target)) for s in sequences]
        given = [1 + len(s.context) for s in sequences]
    # The last token predicts nothing unless `after` is asked for, so it need not be read.
    read = [tokens[: len(tokens) - 1 + extra] for tokens in read]
    ids = _padded(read)
    time = ids.shape[1]
    counts = [len(s.target) + extra for s in sequences]
    rows = np.concatenate([row * time + given[row] - 1 + np.arange(n) for row, n in enumerate(counts)])
    targets = np.concatenate([np.concatenate((s.target, np.zeros(extra, np.int64))) for s in sequences])
    owners = np.repeat(np.arange(len(sequences)), counts)
    inputs = {"input_ids": ids}
    tokens, padded = sum(len(one) for one in read), ids.size
    if decoder_start is not None:
        prompts = [s.prompt for s in sequences]
        encoder_ids = _padded(prompts)
        lengths = np.array([len(p) for p in prompts])
        mask = (np.arange(encoder_ids.shape[1])[None] < lengths[:, None]).astype(np.int64)
        inputs = {"input_ids": encoder_ids, "attention_mask": mask, "decoder_input_ids": ids}
        tokens, padded = tokens + int(lengths.sum()), padded + encoder_ids.size
    return Batch(
        inputs={name: to_device(values, device) for name, values in inputs.items()},
        rows=to_device(rows, device),
        targets=to_device(targets, device),
        owners=to_device(owners, device),
        offsets=[0, *np.cumsum(counts).tolist()],
        tokens=tokens,
        padded_tokens=padded,
    )


def _padded(rows: Sequence[Tokens]) -> Tokens:
    padded = np.zeros((len(rows), max(len(row) for row in rows)), np.int64)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


def to_device(values: Tokens, device: torch.device) -> torch.Tensor:
    """A copy on the device, through pinned memory on GPUs so that the copy does not wait."""
    tensor = torch.from_numpy(np.ascontiguousarray(values, np.int64))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor


def deal(lengths: Sequence[int], world: int) -> list[list[int]]:
    """
    Indices of the sequences for each rank, shortest first. They are dealt in turn, so that every rank has its share also of a
    call too small to fill a batch each.
    """
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    return [order[rank::world] for rank in range(world)]


def length_batches(lengths: Sequence[int], indices: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Indices, shortest first, in batches whose padded size stays within the bound."""
    batches: list[list[int]] = []
    for index in indices:
        if batches and (len(batches[-1]) + 1) * lengths[index] <= max_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def share_step(micro_lengths: Sequence[Sequence[int]], world: int) -> list[list[list[int]]]:
    """
    The micro-batches of one optimizer step dealt out to the ranks: [rank][micro-batch][index of the sequence in the step].

    One rank takes the plan as it is. Several take the sequences in turn and cut them again within the largest padded size of
    the plan, so that no rank needs more memory than the plan allows. Ranks may have different numbers of micro-batches.
    """
    lengths = [length for micro in micro_lengths for length in micro]
    if world == 1:
        starts = np.cumsum([0, *[len(micro) for micro in micro_lengths]]).tolist()
        return [[list(range(a, b)) for a, b in pairwise(starts)]]
    bound = max(len(micro) * max(micro) for micro in micro_lengths)
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    shares: list[list[list[int]]] = []
    for rank in range(world):
        parts: list[list[int]] = []
        for index in order[rank::world]:
            if parts and (len(parts[-1]) + 1) * lengths[parts[-1][0]] <= bound:
                parts[-1].append(index)
            else:
                parts.append([index])
        shares.append(parts)
    return shares
