"""Losses, gradients and scores are those of transformers, however they are computed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import runner, sequence
from transformers import AutoModelForCausalLM

from skipthink_torch import scoring
from skipthink_torch.scoring import score


def test_loss_is_the_weighted_mean_of_transformers(model_folder: Path) -> None:
    sequences = [sequence(3, 2, 5, 0.7), sequence(1, 0, 9, 0.3)]
    model = AutoModelForCausalLM.from_pretrained(model_folder).eval()
    expected = 0.0
    for one in sequences:
        ids = torch.tensor(np.concatenate((one.prompt, one.context, one.target)))[None]
        labels = ids.clone()
        labels[:, : -len(one.target)] = -100
        expected += one.weight * model(ids, labels=labels).loss.item()
    assert runner(model_folder).train([sequences], 1e-3).loss == pytest.approx(expected, abs=1e-5)


def test_micro_batches_add_up(model_folder: Path) -> None:
    sequences = [sequence(3, 2, 5, 0.5), sequence(1, 0, 9, 0.2), sequence(4, 4, 1, 0.3)]
    whole, cut = runner(model_folder), runner(model_folder)
    for _ in range(3):
        one, other = whole.train([sequences], 1e-3), cut.train([sequences[:1], sequences[1:]], 1e-3)
        assert other.loss == pytest.approx(one.loss, abs=1e-5)
        assert other.gradient_norm == pytest.approx(one.gradient_norm, rel=1e-4)


@pytest.mark.parametrize("compute", [{"gradient_checkpointing": True}, {"precision": "bfloat16"}])
def test_other_ways_to_compute_train_too(model_folder: Path, compute: dict[str, Any]) -> None:
    sequences = [sequence(3, 2, 5, 0.7), sequence(1, 0, 9, 0.3)]
    plain, other = runner(model_folder), runner(model_folder, **compute)
    for _ in range(3):
        expected, found = plain.train([sequences], 1e-3).loss, other.train([sequences], 1e-3).loss
        assert found == pytest.approx(expected, abs=1e-5 if "precision" not in compute else 0.05)


def test_scores_do_not_depend_on_how_many_rows_are_held(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = runner(model_folder)
    sequences = [sequence(3, 2, 5), sequence(1, 0, 9), sequence(4, 4, 1)]
    whole, _ = score(student, sequences, [1, 7], 1000, alternatives=True)
    monkeypatch.setattr(scoring, "_ROWS", 4)
    parts, _ = score(student, sequences, [1, 7], 1000, alternatives=True)
    for one, other in zip(whole, parts, strict=True):
        for name in ("log_probabilities", "is_argmax", "also", "alternatives"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
