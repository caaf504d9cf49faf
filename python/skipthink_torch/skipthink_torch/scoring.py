"""Log-likelihood of given tokens, shared out over the ranks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .batch import TokenSequence, collate, deal, length_batches
from .training import Runner

# Supervised positions whose log-probabilities are held at a time.
_ROWS = 512


@dataclass(frozen=True)
class Score:
    """As SequenceScore of src/engine/engine.ts."""

    log_probabilities: npt.NDArray[np.float32]
    is_argmax: npt.NDArray[np.uint8]
    # [also tokens, target length + 1]
    also: npt.NDArray[np.float32]
    # The most likely token other than the target, where asked for. [target length]
    alternatives: npt.NDArray[np.int32]


@dataclass
class ScoreCounts:
    """What a call cost, over all ranks."""

    passes: int = 0
    tokens: int = 0


def score(
    runner: Runner,
    sequences: Sequence[TokenSequence],
    also: Sequence[int],
    max_tokens: int,
    alternatives: bool = False,
) -> tuple[list[Score], ScoreCounts]:
    """Scores in the order given, on rank 0; other ranks return nothing."""
    ranks = runner.ranks
    lengths = [one.length for one in sequences]
    shares = [length_batches(lengths, indices, max_tokens) for indices in deal(lengths, ranks.world)]
    own = shares[ranks.rank]
    passes = max(len(share) for share in shares)
    found: dict[int, Score] = {}
    counts = ScoreCounts()
    also_tokens = torch.tensor(list(also), dtype=torch.int64, device=ranks.device)
    with runner.inference():
        for k in range(passes):
            # Sharded parameters are fetched by all ranks together, so a rank without a batch runs one for company.
            is_idle = k >= len(own)
            if is_idle and not runner.is_sharded:
                break
            indices = [0] if is_idle else own[k]
            batch = collate(
                [sequences[index] for index in indices],
                ranks.device,
                runner.student.decoder_start,
                after=True,
            )
            logits = runner.student(batch)
            if is_idle:
                continue
            chosen, extra = _log_probabilities(logits, batch.targets, also_tokens)
            argmax = (logits.argmax(dim=-1) == batch.targets).cpu().numpy()
            others = _best_other(logits, batch.targets) if alternatives else None
            for row, index in enumerate(indices):
                start, end = batch.offsets[row], batch.offsets[row + 1]
                found[index] = Score(
                    log_probabilities=chosen[start : end - 1],
                    is_argmax=argmax[start : end - 1].astype(np.uint8),
                    also=np.ascontiguousarray(extra[start:end].T),
                    alternatives=np.zeros(0, np.int32) if others is None else others[start : end - 1],
                )
            counts.passes += 1
            counts.tokens += batch.tokens
    gathered = ranks.gather((found, counts))
    if not ranks.is_first:
        return [], counts
    together = {index: one for part, _ in gathered for index, one in part.items()}
    total = ScoreCounts(sum(c.passes for _, c in gathered), sum(c.tokens for _, c in gathered))
    return [together[index] for index in range(len(sequences))], total


def _parts(logits: torch.Tensor, targets: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """A few rows at a time: the same figures, without further matrices as large as the logits."""
    for at in range(0, len(targets), _ROWS):
        yield logits[at : at + _ROWS], targets[at : at + _ROWS]


def _log_probabilities(
    logits: torch.Tensor, targets: torch.Tensor, also: torch.Tensor
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Of the targets [supervised] and of the tokens `also` at the same places [supervised, also]."""
    chosen, extra = [], []
    for part, own in _parts(logits, targets):
        log_probabilities = torch.log_softmax(part, dim=-1)
        chosen.append(log_probabilities.gather(1, own[:, None])[:, 0])
        extra.append(log_probabilities.index_select(1, also))
    return torch.cat(chosen).cpu().numpy(), torch.cat(extra).cpu().numpy()


def _best_other(logits: torch.Tensor, targets: torch.Tensor) -> npt.NDArray[np.int32]:
    """The most likely token other than each target. [supervised]"""
    found = [
        part.scatter(1, own[:, None], float("-inf")).argmax(dim=-1) for part, own in _parts(logits, targets)
    ]
    return torch.cat(found).cpu().numpy().astype(np.int32)
