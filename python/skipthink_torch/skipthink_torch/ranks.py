"""The processes that work together: torchrun's environment, the process groups, and the few exchanges the worker needs."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from .errors import WorkerError

# A worker may wait long for its next request; a lost rank is noticed by its closed connection, not by this.
_IDLE = timedelta(days=7)


def _own_gpu() -> int:
    """The GPU of this process, one for each on its machine."""
    process, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if gpus == 0:
        raise WorkerError("PyTorch finds no GPU", "Set torch.device=cpu, or install a PyTorch with CUDA.")
    if process >= gpus:
        processes = os.environ.get("LOCAL_WORLD_SIZE", f"{process + 1} or more")
        raise WorkerError(
            f"{processes} processes for {gpus} GPU{'' if gpus == 1 else 's'} of this machine",
            f"Set torch.processes={gpus} (a job folder: --nproc-per-node {gpus}).",
        )
    return process


@dataclass
class Ranks:
    """One process and its companions; without torchrun there is only one."""

    rank: int
    world: int
    device: torch.device
    # Requests and results go over the CPU, whatever the tensors live on.
    control: Any = None

    @staticmethod
    def join(device: str = "auto") -> "Ranks":
        """Joins the group that torchrun's environment names. `device`: auto, cpu or cuda."""
        rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        use_cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
        if use_cuda:
            chosen = torch.device("cuda", _own_gpu())
            torch.cuda.set_device(chosen)
        else:
            chosen = torch.device("cpu")
        ranks = Ranks(rank, world, chosen)
        if "WORLD_SIZE" in os.environ:
            backend = "cpu:gloo,cuda:nccl" if use_cuda else "gloo"
            dist.init_process_group(backend, timeout=timedelta(minutes=30))
            ranks.control = dist.new_group(backend="gloo", timeout=_IDLE)
        return ranks

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value on every rank."""
        if self.world == 1:
            return value
        box = [value if self.is_first else None]
        dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in the order of the ranks, on rank 0; nothing elsewhere."""
        if self.world == 1:
            return [value]
        found: list[Any] | None = [None] * self.world if self.is_first else None
        dist.gather_object(value, found, dst=0, group=self.control)
        return found or []

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Sums a tensor over the ranks, in place."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """True on every rank when the flag is set on one."""
        if self.world == 1:
            return flag
        return bool(self.sum(torch.tensor([float(flag)], device=self.device)).item() > 0)

    def leave(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()
