"""A tiny random student, and job folders as skipthink writes them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

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
    def make(name: str, **compute: object) -> Path:
        folder = tmp_path / name
        write_job(folder, model_folder, compute)
        return folder

    return make


def write_job(folder: Path, model: Path, compute: dict[str, object]) -> None:
    """24 steps of two micro-batches: five ragged items, one step with a single item."""
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
    for step in range(STEPS):
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
        "learningRates": np.full(STEPS, 1e-3),
        "epochs": np.zeros(STEPS, "<i4"),
        "stages": np.full(STEPS, -1, "<i4"),
    }
    for name, array in arrays.items():
        array.tofile(folder / f"{name}.bin")
    job = {
        "format": 1,
        "id": "tiny",
        "kind": "train",
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
