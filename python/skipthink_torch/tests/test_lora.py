"""Adapters: what is trained, what PEFT and transformers make of the saved files, and plans that do not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import VOCABULARY, lora_plan
from peft import PeftModel
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, Qwen2Config, Qwen2ForCausalLM

from skipthink_torch.batch import TokenSequence
from skipthink_torch.errors import WorkerError
from skipthink_torch.lora import LoraPlan
from skipthink_torch.ranks import Ranks
from skipthink_torch.state import load_state, save_model, save_state
from skipthink_torch.student import Compute, load_student
from skipthink_torch.training import AdamWOptions, Runner

RANK = 4
LEARNING_RATE = 1e-2


def gpt2() -> Any:
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4))


def qwen2() -> Any:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            tie_word_embeddings=False,
        )
    )


def gpt2_plan() -> LoraPlan:
    plan, first = lora_plan()
    found = LoraPlan.read(plan, first)
    assert found is not None
    return found


def qwen2_plan() -> LoraPlan:
    """Two layers of every block, and rows of both token tables."""
    sizes = {"self_attn.q_proj": 32, "mlp.down_proj": 48}
    modules = {f"model.layers.{layer}.{name}": size for layer in range(2) for name, size in sizes.items()}
    config = {
        **gpt2_plan().config,
        "target_modules": ["q_proj", "down_proj"],
        "fan_in_fan_out": False,
        "trainable_token_indices": {"embed_tokens": [3, 17], "lm_head": [3, 17]},
    }
    first = np.random.default_rng(6).uniform(-0.17, 0.17, RANK * sum(modules.values())).astype(np.float32)
    return LoraPlan(config, list(modules), ["model.embed_tokens.weight", "lm_head.weight"], first)


FAMILIES = [pytest.param(gpt2, gpt2_plan, id="gpt2-tied"), pytest.param(qwen2, qwen2_plan, id="qwen2-untied")]


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def runner(folder: Path, plan: LoraPlan | None, **compute: Any) -> Runner:
    student = load_student(folder, lora=plan)
    return Runner(student, AdamWOptions(), Compute(**compute), Ranks(0, 1, torch.device("cpu")))


def step(index: int) -> list[list[TokenSequence]]:
    random = np.random.default_rng(index)
    tokens = random.integers(1, VOCABULARY, (2, 14))
    tokens[:, [1, 8]] = 3, 17
    return [[TokenSequence(row[:4], row[4:6], row[6:], 0.5)] for row in tokens]


def logits(model: Any) -> torch.Tensor:
    ids = torch.tensor(np.random.default_rng(9).integers(0, VOCABULARY, (3, 20)))
    ids[:, ::5] = 17
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize(("make", "plan"), FAMILIES)
def test_transformers_and_peft_say_what_was_trained(make: Any, plan: Any, tmp_path: Path) -> None:
    torch.manual_seed(1)
    folder = saved(make(), tmp_path / "base")
    trained = runner(folder, plan())
    before = logits(trained.student.model)
    base = AutoModelForCausalLM.from_pretrained(folder)
    # B is zero, so adapters change nothing yet.
    assert torch.allclose(before, logits(base), atol=1e-6)
    for index in range(8):
        trained.train(step(index), LEARNING_RATE)
    expected = logits(trained.student.model)
    assert (expected - before).abs().max() > 1e-2

    save_model(trained, tmp_path / "student")
    merged, report = AutoModelForCausalLM.from_pretrained(tmp_path / "student", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert torch.allclose(logits(merged), expected, atol=1e-5)
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "student" / "adapter"))
    assert torch.allclose(logits(adapted), expected, atol=1e-5)
    # Nothing but what the plan names has moved.
    old, new = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "student"))
    assert old.keys() == new.keys()
    moved = {name for name in old if (old[name] != new[name]).any()}
    assert moved == {*(f"{module}.weight" for module in plan().modules), *plan().tables}
    rows = (old[plan().tables[0]] != new[plan().tables[0]]).any(axis=1)
    assert np.flatnonzero(rows).tolist() == [3, 17]


@pytest.mark.parametrize("compute", [{}, {"gradient_checkpointing": True}, {"precision": "bfloat16"}])
def test_adapters_train_in_every_way_to_compute(compute: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(1)
    folder = saved(qwen2(), tmp_path / "base")
    plain, other = runner(folder, qwen2_plan()), runner(folder, qwen2_plan(), **compute)
    for index in range(3):
        expected = plain.train(step(index), LEARNING_RATE)
        found = other.train(step(index), LEARNING_RATE)
        assert found.loss == pytest.approx(expected.loss, abs=0.05 if "precision" in compute else 1e-5)


def test_a_checkpoint_holds_what_is_trained_and_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(1)
    folder = saved(gpt2(), tmp_path / "base")
    first = runner(folder, gpt2_plan())
    for index in range(3):
        first.train(step(index), LEARNING_RATE)
    save_state(first, tmp_path / "state")
    names = load_file(tmp_path / "state" / "training-state.safetensors").keys()
    assert names == {f"{name}{end}" for name in gpt2_plan().trained for end in ("", ".m", ".v")}
    expected = [first.train(step(index), LEARNING_RATE).loss for index in range(3, 6)]
    resumed = runner(folder, gpt2_plan())
    load_state(resumed, tmp_path / "state")
    assert resumed.steps == 3
    assert [resumed.train(step(index), LEARNING_RATE).loss for index in range(3, 6)] == expected
    with pytest.raises(WorkerError, match="another student"):
        load_state(runner(folder, None), tmp_path / "state")


def test_plans_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = saved(gpt2(), tmp_path / "base")
    plan = gpt2_plan()
    with pytest.raises(WorkerError, match="255 values are given for the adapters, not 256"):
        load_student(folder, lora=LoraPlan(plan.config, plan.modules, plan.tables, plan.first[1:]))
    with pytest.raises(WorkerError, match="do not fit"):
        load_student(folder, lora=LoraPlan(plan.config, ["transformer.nothing"], plan.tables, plan.first))
    with pytest.raises(WorkerError, match="do not agree"):
        load_student(folder, lora=LoraPlan(plan.config, plan.modules, [], plan.first))
    with pytest.raises(WorkerError, match="without the array"):
        LoraPlan.read({"config": {}}, None)
