"""Optimizer steps: Σ weight · mean NLL over the target tokens, gradients summed over micro-batches and ranks, AdamW."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from .batch import TokenSequence, collate, share_step
from .errors import WorkerError
from .ranks import Ranks
from .student import Compute, Student, blocks_of, decays, parameters_of


@dataclass(frozen=True)
class AdamWOptions:
    """AdamW with decoupled decay and global-norm clipping (0: none)."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0


@dataclass(frozen=True)
class StepReport:
    """What one optimizer step was; the same on every rank."""

    loss: float
    gradient_norm: float
    sequence_losses: npt.NDArray[np.float32]
    target_tokens: int
    tokens: int
    padded_tokens: int


class Runner:
    """A student placed on its device, sharded or replicated over the ranks, with its optimizer."""

    def __init__(self, student: Student, options: AdamWOptions, compute: Compute, ranks: Ranks) -> None:
        if compute.precision not in ("float32", "bfloat16"):
            raise WorkerError(f"precision {compute.precision!r} is not float32 or bfloat16")
        if compute.sharding not in ("ddp", "fsdp"):
            raise WorkerError(f"sharding {compute.sharding!r} is not ddp or fsdp")
        self.student = student
        self.options = options
        self.compute = compute
        self.ranks = ranks
        self.steps = 0
        # Asked for before the parameters are sharded.
        self.capabilities = student.capabilities
        self.is_sharded = compute.sharding == "fsdp" and ranks.world > 1
        self.forward: nn.Module = self._place()
        self.parameters = parameters_of(student)
        # With LoRA the adapters alone.
        self.trained = {name: p for name, p in self.parameters.items() if p.requires_grad}
        self._optimizer: torch.optim.AdamW | None = None

    def _place(self) -> nn.Module:
        model, ranks = self.student.model, self.ranks
        if self.compute.gradient_checkpointing:
            cast(Any, model).gradient_checkpointing_enable(
                gradient_checkpointing_kwargs={"use_reentrant": False}
            )
        if self.compute.compile:
            for block in blocks_of(model):
                block.compile(dynamic=True)
        if self.is_sharded:
            mesh = init_device_mesh(ranks.device.type, (ranks.world,))
            is_half = self.compute.precision == "bfloat16"
            policy = (
                MixedPrecisionPolicy(torch.bfloat16, torch.float32) if is_half else MixedPrecisionPolicy()
            )
            for block in blocks_of(model):
                fully_shard(block, mesh=mesh, mp_policy=policy)
            fully_shard(model, mesh=mesh, mp_policy=policy)
            model.to(ranks.device)
            return self.student
        self.student.to(ranks.device)
        if ranks.world > 1:
            devices = [ranks.device] if ranks.device.type == "cuda" else None
            return DistributedDataParallel(self.student, device_ids=devices)
        return self.student

    @property
    def optimizer(self) -> torch.optim.AdamW:
        """Made when first used: scoring and decoding need none of its memory."""
        if self._optimizer is None:
            options = self.options
            parameters = list(self.trained.values())
            groups = [
                {"params": [p for p in parameters if decays(p)], "weight_decay": options.weight_decay},
                {"params": [p for p in parameters if not decays(p)], "weight_decay": 0.0},
            ]
            self._optimizer = torch.optim.AdamW(
                [group for group in groups if group["params"]],
                lr=0.0,
                betas=(options.beta1, options.beta2),
                eps=options.epsilon,
                fused=True,
            )
        return self._optimizer

    def autocast(self) -> Any:
        if self.compute.precision == "bfloat16":
            return torch.autocast(self.ranks.device.type, torch.bfloat16)
        return nullcontext()

    @contextmanager
    def inference(self) -> Iterator[nn.Module]:
        """The model without gradients; sharded parameters are given back at the end."""
        self.student.model.eval()
        try:
            with torch.no_grad(), self.autocast():
                yield self.student.model
        finally:
            self.student.model.train()
            if isinstance(self.student.model, FSDPModule):
                self.student.model.reshard()

    def train(self, micro_batches: Sequence[Sequence[TokenSequence]], learning_rate: float) -> StepReport:
        """One optimizer step. Every rank is given the whole step and takes its share of it."""
        ranks, sequences = self.ranks, [one for micro in micro_batches for one in micro]
        shares = share_step([[one.length for one in micro] for micro in micro_batches], ranks.world)
        own = shares[ranks.rank]
        passes = max(len(share) for share in shares)
        # Losses of the sequences, then tokens read and tokens computed: one sum over the ranks for all of it.
        figures = torch.zeros(len(sequences) + 2, dtype=torch.float64, device=ranks.device)
        for k in range(passes):
            # A rank with nothing left takes part in the exchange of gradients with a sequence of weight 0.
            is_idle = k >= len(own)
            indices = [0] if is_idle else own[k]
            with self._exchange(k == passes - 1):
                self._backward(sequences, indices, figures, is_idle)
        norm = self._update(learning_rate)
        values = ranks.sum(figures).cpu().numpy()
        losses = values[: len(sequences)]
        return StepReport(
            loss=float(sum(one.weight * loss for one, loss in zip(sequences, losses, strict=True))),
            gradient_norm=float(norm),
            sequence_losses=losses.astype(np.float32),
            target_tokens=sum(len(one.target) for one in sequences),
            tokens=int(values[-2]),
            padded_tokens=int(values[-1]),
        )

    def _update(self, learning_rate: float) -> torch.Tensor:
        """Clips and takes the step. Returns the norm of the gradients."""
        norm = self._clip()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        return norm

    def _backward(
        self, sequences: Sequence[TokenSequence], indices: list[int], figures: torch.Tensor, is_idle: bool
    ) -> None:
        picked = [sequences[index] for index in indices]
        batch = collate(picked, self.ranks.device, self.student.decoder_start)
        with self.autocast():
            logits = self.forward(batch)
        nll = nn.functional.cross_entropy(logits, batch.targets, reduction="none")
        shares = torch.tensor([1 / len(one.target) for one in picked], device=nll.device)
        weights = torch.tensor([0.0 if is_idle else one.weight for one in picked], device=nll.device)
        # DDP and FSDP average gradients over the ranks; ours are a sum.
        torch.autograd.backward((nll * (weights * shares)[batch.owners]).sum() * self.ranks.world)
        if is_idle:
            return
        means = torch.zeros(len(picked), dtype=torch.float64, device=nll.device)
        means.index_add_(0, batch.owners, nll.detach().double())
        figures[torch.tensor(indices, device=nll.device)] = means * shares.double()
        figures[-2] += batch.tokens
        figures[-1] += batch.padded_tokens

    @contextmanager
    def _exchange(self, now: bool) -> Iterator[None]:
        """
        Whole copies exchange gradients in the last micro-batch of a step only. Shards do in every one: gradients are whole
        on each GPU until they are exchanged, as large as the student, and sharded ones add up just the same.
        """
        if isinstance(self.forward, DistributedDataParallel) and not now:
            with self.forward.no_sync():
                yield
        else:
            yield

    def _clip(self) -> torch.Tensor:
        gradients = [p.grad for p in self.trained.values() if p.grad is not None]
        norm = get_total_norm(gradients)
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        if self.options.max_gradient_norm > 0:
            clip_grads_with_norm_(self.trained.values(), self.options.max_gradient_norm, norm)
        return norm
