"""A transformers model as a student: loaded in float32 without dropout, and asked for the supervised positions only."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from weakref import WeakMethod

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

from .batch import Batch
from .errors import WorkerError
from .lora import LoraPlan, add_adapters, file_name

# New rows differ from the mean by this share of each column's standard deviation (src/students/grow-embedding.ts).
_NOISE_SHARE = 0.02
_DROPOUT_KEYS = ("dropout", "dropout_rate", "pdrop", "layerdrop")
# What old files carry beside the weights: causal masks of GPT-2, rotary tables.
_BUFFERS = re.compile(r"\.attn\.(?:bias|masked_bias)$|(?:^|\.)rotary_emb\.")


@dataclass(frozen=True)
class Compute:
    """How to compute; none of it changes what is computed beyond rounding."""

    precision: str = "float32"
    sharding: str = "ddp"
    gradient_checkpointing: bool = False
    compile: bool = False


class Student(nn.Module):
    """The model with its head and softmax applied to supervised positions alone."""

    def __init__(self, model: nn.Module, folder: Path, lora: LoraPlan | None = None) -> None:
        """model: with the adapters of `lora` on it already."""
        super().__init__()
        self.model = model
        self.folder = folder
        self.lora = lora
        config = cast(Any, model.config)
        self.encoder_decoder = bool(config.is_encoder_decoder)
        self.decoder_start: int | None = None
        if self.encoder_decoder:
            start = config.decoder_start_token_id
            self.decoder_start = config.pad_token_id if start is None else start
        self._rows: torch.Tensor | None = None
        # Whatever a family does after its head is element by element, so it works on picked rows as on whole sequences.
        head = cast(Any, model).get_output_embeddings()
        # The hook does not hold the student: a circle would keep a closed one's memory until some collection.
        pick = WeakMethod(self._pick)

        def hook(head: nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
            method = pick()
            return None if method is None else method(head, arguments)

        head.register_forward_pre_hook(hook)

    def _pick(self, _head: nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        if self._rows is None:
            return None
        hidden = arguments[0]
        return (hidden.reshape(-1, hidden.shape[-1]).index_select(0, self._rows), *arguments[1:])

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits of the supervised positions, float32 [supervised, vocabulary]."""
        output = self.at(batch.rows, **batch.inputs, use_cache=False)
        return cast(torch.Tensor, output.logits).float()

    def at(self, rows: torch.Tensor, **inputs: Any) -> Any:
        """The model's output with logits of the given rows (flat indices into [batch · time]) only."""
        self._rows = rows
        try:
            return self.model(**inputs)
        finally:
            self._rows = None

    @property
    def capabilities(self) -> dict[str, object]:
        config = cast(Any, self.model.config)
        context = getattr(config, "max_position_embeddings", None)
        if context is None:
            # GPT-2 and T5; each side of T5 may take what the model was pretrained on.
            context = getattr(config, "n_positions", 512) * (2 if self.encoder_decoder else 1)
        context = min(context, _short_context(config) or context)
        parameters = list(self.model.parameters())
        trained = sum(p.numel() for p in parameters if p.requires_grad)
        whole = sum(p.numel() for p in parameters)
        is_partial = self.lora is not None
        return {
            "family": config.model_type,
            # Adapters are not counted: they are all that is trained.
            "parameters": whole - trained if is_partial else whole,
            **({"trainableParameters": trained} if is_partial else {}),
            "contextLength": context,
            "vocabularySize": config.vocab_size,
            "encoderDecoder": self.encoder_decoder,
        }


def _short_context(config: Any) -> int | None:
    """Where longrope's short factors end: a longer sequence is read by others as a whole (src/students/rotary.ts)."""
    scaling = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if scaling.get("rope_type", scaling.get("type")) != "longrope":
        return None
    # The one that transformers goes by; others than the newest have it in the configuration alone.
    key = "original_max_position_embeddings"
    return cast("int | None", scaling.get(key) or getattr(config, key, None))


def load_student(
    folder: Path,
    rows: int | None = None,
    noise: np.ndarray[Any, Any] | None = None,
    lora: LoraPlan | None = None,
) -> Student:
    """
    Loads a model folder on the CPU, float32, dropout 0.

    rows: vocabulary to resize the embeddings to; noise: standard normal draws of the new rows, float64 [new rows · width].
    lora: adapters to train in place of the weights.
    """
    if not (folder / "config.json").is_file():
        raise WorkerError(f"{folder} has no config.json", "Give a model folder in Hugging Face layout.")
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    for key in list(vars(config)):
        if key.endswith(_DROPOUT_KEYS) and isinstance(getattr(config, key), int | float):
            setattr(config, key, 0.0)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model, report = auto.from_pretrained(
        folder, config=config, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise WorkerError(
            f"{folder} has no tensor {missing[0]!r}",
            "The weights belong to another configuration: save the model again.",
        )
    _check_weights(model, report["unexpected_keys"], folder)
    if rows is not None and rows != model.get_input_embeddings().weight.shape[0]:
        _resize(model, rows, noise)
    if lora is not None:
        add_adapters(model, lora)
    model.train()
    return Student(model, folder, lora)


def _check_weights(model: Any, unexpected: Iterable[str], folder: Path) -> None:
    """Refuses what the embedded engine refuses: tensors of another model of the family, and values that are no numbers."""
    modules = {name for part in (model, model.base_model) for name, _ in part.named_children()}
    for name in sorted(unexpected):
        # What is not the model's, such as the head of a classifier, does not change what the student computes.
        module = name.removeprefix(f"{model.base_model_prefix}.").split(".")[0]
        if module not in modules or _BUFFERS.search(name):
            continue
        raise WorkerError(
            f"{folder} holds the tensor {name!r}, which a model of its config.json does not have",
            "Weights and config.json must come from the same model: correct config.json, or save the model again.",
        )
    for name, parameter in model.named_parameters():
        values = parameter.detach().flatten()
        finite = torch.isfinite(values)
        if bool(finite.all()):
            continue
        first = int(finite.to(torch.uint8).argmin())
        raise WorkerError(
            f"tensor {name!r} of {folder} holds {float(values[first])} (value {first + 1} of {len(values)})",
            "The file is damaged, or the training that wrote it has diverged: take an earlier state of it.",
        )


def _resize(model: Any, rows: int, noise: np.ndarray[Any, Any] | None) -> None:
    """New rows: mean of the old ones plus the given noise, as src/students/grow-embedding.ts makes them."""
    tables = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    # A folder may say that the head is tied and yet hold one of its own, which counts; resizing would believe the former.
    model.config.tie_word_embeddings = tables[0] is tables[1]
    old = [table.detach().double() for table in tables]
    model.resize_token_embeddings(rows, mean_resizing=False)
    tables = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    with torch.no_grad():
        for before, table in zip(old, tables, strict=True):
            if rows <= len(before):
                continue
            if noise is None:
                raise WorkerError("the vocabulary grows, and the request brings no values for the new rows")
            normal = torch.tensor(noise).reshape(rows - len(before), before.shape[1])
            spread = before.var(dim=0, correction=0).sqrt()
            table[len(before) :] = (before.mean(dim=0) + _NOISE_SHARE * spread * normal).to(table.dtype)


def parameters_of(student: Student) -> dict[str, nn.Parameter]:
    """Parameters by their names in files; a tied head has none of its own."""
    return {file_name(name): parameter for name, parameter in student.model.named_parameters()}


def decays(parameter: torch.Tensor) -> bool:
    """Weight decay applies to matrices, not to biases and normalization weights."""
    return parameter.dim() > 1


def blocks_of(model: nn.Module) -> Iterable[nn.Module]:
    """The transformer blocks, which are sharded and compiled one by one."""
    names = set(getattr(model, "_no_split_modules", None) or [])
    found = [module for module in model.modules() if type(module).__name__ in names]
    # A family may also name modules that are not stacked (an embedding, say); blocks are what lists hold.
    stacked = [m for parent in model.modules() if isinstance(parent, nn.ModuleList) for m in parent]
    return [module for module in found if any(module is other for other in stacked)]


def config_of(student: Student) -> dict[str, Any]:
    """config.json of the student as it is now: the source's, with the vocabulary and type of what will be written."""
    raw: dict[str, Any] = json.loads((student.folder / "config.json").read_text("utf-8"))
    raw["vocab_size"] = student.capabilities["vocabularySize"]
    key = "torch_dtype" if "torch_dtype" in raw and "dtype" not in raw else "dtype"
    raw[key] = "float32"
    return raw
