"""
Low-rank adapters on a student (Hu et al. 2022, arXiv 2106.09685): the layers are PEFT's; skipthink decides what they are put
on and how they begin (src/engine/torch/lora.ts). Tensors are named as in files: by a model folder's names where they are
frozen, by PEFT's without `base_model.model.` where they are trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .errors import WorkerError


@dataclass(frozen=True)
class LoraPlan:
    """What is trained beside the frozen weights."""

    # adapter_config.json as it is saved.
    config: dict[str, Any]
    # Linear layers with an adapter.
    modules: list[str]
    # Token tables with trained rows, by parameter name.
    tables: list[str]
    # First values of all matrices A, in the order of `modules`; B begins as zero, trained rows as they are in their table.
    first: npt.NDArray[np.float32]

    @staticmethod
    def read(given: dict[str, Any] | None, first: npt.NDArray[Any] | None) -> "LoraPlan | None":
        """`lora` of a request or job, with its array `adapters`; None where all weights are trained."""
        if given is None:
            return None
        if first is None:
            raise WorkerError("LoRA is asked for without the array 'adapters'", "Write the job again.")
        return LoraPlan(given["config"], given["modules"], given["tables"], np.asarray(first, np.float32))

    @property
    def scale(self) -> float:
        return float(self.config["lora_alpha"]) / int(self.config["r"])

    @property
    def tokens(self) -> list[int]:
        """Tokens whose rows are trained; the same in every table."""
        return next(iter((self.config["trainable_token_indices"] or {}).values()), [])

    @property
    def trained(self) -> list[str]:
        """Names of what is trained."""
        matrices = [f"{module}.lora_{side}.weight" for module in self.modules for side in "AB"]
        return [*matrices, *(_rows_name(table) for table in self.tables)]


def add_adapters(model: nn.Module, plan: LoraPlan) -> None:
    """Puts the adapters on the model's layers, in place, and freezes all else."""
    # PEFT takes seconds to import, so only those wait for it who need it.
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=plan.config["r"],
        lora_alpha=plan.config["lora_alpha"],
        lora_dropout=0.0,
        target_modules=plan.modules,
        fan_in_fan_out=plan.config["fan_in_fan_out"],
        trainable_token_indices=plan.config["trainable_token_indices"],
    )
    try:
        get_peft_model(model, config)
    except ValueError as error:
        raise WorkerError(f"the adapters do not fit this model: {str(error)[:500]}") from error
    trained = {file_name(name): p for name, p in model.named_parameters() if p.requires_grad}
    if trained.keys() != set(plan.trained):
        odd = sorted(trained.keys() ^ set(plan.trained))
        raise WorkerError(f"skipthink and this model do not agree on what LoRA trains: {odd[0]!r}")
    matrices = [trained[f"{module}.lora_A.weight"] for module in plan.modules]
    ends = np.cumsum([matrix.numel() for matrix in matrices]).tolist()
    if ends[-1] != len(plan.first):
        raise WorkerError(f"{len(plan.first)} values are given for the adapters, not {ends[-1]}")
    with torch.no_grad():
        for matrix, end in zip(matrices, ends, strict=True):
            # A copy: a job's values are mapped and cannot be written to.
            values = torch.from_numpy(plan.first[end - matrix.numel() : end].copy())
            matrix.copy_(values.reshape(matrix.shape))


def file_name(name: str) -> str:
    """A parameter's name in files, from its name in the model with PEFT's layers around it."""
    for part in (".token_adapter.base_layer.", ".base_layer."):
        name = name.replace(part, ".")
    if name.endswith(".trainable_tokens_delta.default"):
        return name.removesuffix(".default")
    for side in "AB":
        name = name.replace(f".lora_{side}.default.", f".lora_{side}.")
    return name


def merged(plan: LoraPlan, name: str, whole: Callable[[str], torch.Tensor]) -> torch.Tensor:
    """
    The weight `name` with what was trained in it, as src/students/lora.ts merges: products summed in double precision.

    whole: gives the tensors by file name, not sharded.
    """
    weight = whole(name)
    module = name.removesuffix(".weight")
    if module in plan.modules and module != name:
        a, b = whole(f"{module}.lora_A.weight").double(), whole(f"{module}.lora_B.weight").double()
        product = plan.scale * (b @ a)
        return (weight.double() + (product.T if plan.config["fan_in_fan_out"] else product)).float()
    if name in plan.tables:
        index = torch.tensor(plan.tokens, device=weight.device)
        return weight.index_copy(0, index, whole(_rows_name(name)).to(weight.dtype))
    return weight


def _rows_name(table: str) -> str:
    return f"{table.removesuffix('.weight')}.token_adapter.trainable_tokens_delta"
