"""A tiny random student, and job folders as skipthink writes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from skipthink_torch.batch import TokenSequence
from skipthink_torch.ranks import Ranks
from skipthink_torch.student import Compute, load_student
from skipthink_torch.training import AdamWOptions, Runner

VOCABULARY = 61
STEPS = 24


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
    )
    folder = tmp_path_factory.mktemp("model")
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def make_job(model_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, steps: int = STEPS, lora: bool = False, **compute: object) -> Path:
        folder = tmp_path / name
        write_job(folder, model_folder, compute, steps, lora)
        return folder

    return make


def sequence(prompt: int, context: int, target: int, weight: float = 1.0) -> TokenSequence:
    tokens = np.arange(prompt + context + target) % 50 + 1
    return TokenSequence(
        tokens[:prompt], tokens[prompt : prompt + context], tokens[prompt + context :], weight
    )


def runner(folder: Path, **compute: Any) -> Runner:
    return Runner(load_student(folder), AdamWOptions(), Compute(**compute), Ranks(0, 1, torch.device("cpu")))


def lora_plan() -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """`lora` and the array `adapters` as skipthink writes them for the tiny student: attention and two tokens."""
    modules = [f"transformer.h.{layer}.attn.c_attn" for layer in range(2)]
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "tiny",
        "revision": None,
        "inference_mode": True,
        "r": 4,
        "lora_alpha": 8,
        "lora_dropout": 0,
        "target_modules": ["c_attn"],
        "fan_in_fan_out": True,
        "bias": "none",
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
        "modules_to_save": None,
        "trainable_token_indices": {"wte": [3, 17]},
    }
    first = np.random.default_rng(5).uniform(-0.17, 0.17, 2 * 4 * 32).astype("<f4")
    return {"config": config, "modules": modules, "tables": ["transformer.wte.weight"]}, first


def write_job(
    folder: Path, model: Path, compute: dict[str, object], steps_to_plan: int = STEPS, lora: bool = False
) -> None:
    """Steps of two micro-batches: five ragged items, one step with a single item."""
    folder.mkdir()
    (folder / "model").symlink_to(model)
    (folder / "student").mkdir()
    random = np.random.default_rng(3)
    sizes = [(2, 0, 9), (3, 4, 6), (5, 0, 12), (1, 9, 3), (4, 2, 17), (6, 1, 5), (2, 11, 2)]
    tokens, items = [], [0]
    for size in sizes:
        tokens.extend(random.integers(1, VOCABULARY, sum(size)).tolist())
        items.append(len(tokens))
    sequences, weights, micro, steps = [], [], [0], [0]
    for step in range(steps_to_plan):
        picked = [6] if step % 6 == 5 else [(step + k) % len(sizes) for k in range(5)]
        sequences += picked
        weights += [1 / len(picked)] * len(picked)
        micro += [len(sequences)] if len(picked) == 1 else [len(sequences) - 2, len(sequences)]
        steps.append(len(micro) - 1)
    arrays = {
        "tokens": np.array(tokens, "<u2"),
        "items": np.array(items, "<f8"),
        "prompts": np.array([size[0] for size in sizes], "<i4"),
        "contexts": np.array([size[1] for size in sizes], "<i4"),
        "sequences": np.array(sequences, "<i4"),
        "weights": np.array(weights, "<f8"),
        "microBatches": np.array(micro, "<f8"),
        "steps": np.array(steps, "<f8"),
        # Adapters start from nothing, so they need larger steps.
        "learningRates": np.full(steps_to_plan, 1e-2 if lora else 1e-3),
        "epochs": np.zeros(steps_to_plan, "<i4"),
        "stages": np.full(steps_to_plan, -1, "<i4"),
    }
    plan, first = lora_plan()
    if lora:
        arrays["adapters"] = first
    for name, array in arrays.items():
        array.tofile(folder / f"{name}.bin")
    job = {
        "format": 1,
        "id": "tiny",
        "kind": "train",
        **({"lora": plan} if lora else {}),
        "rows": VOCABULARY,
        "optimizer": {
            "beta1": 0.9,
            "beta2": 0.999,
            "epsilon": 1e-8,
            "weightDecay": 0.01,
            "maxGradientNorm": 1,
        },
        "compute": {
            "precision": "float32",
            "sharding": "ddp",
            "gradientCheckpointing": False,
            "compile": False,
            **compute,
        },
        "checkpointEverySteps": 4,
        "keepCheckpoints": 1,
        "threads": 1,
        "arrays": {name: {"type": array.dtype.name, "length": array.size} for name, array in arrays.items()},
    }
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
