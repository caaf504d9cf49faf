"""Texts: how long they may be, and what is never written."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from conftest import runner, sequence
from transformers import Phi3Config, Phi3ForCausalLM, T5Config, T5ForConditionalGeneration

from skipthink_torch.batch import TokenSequence
from skipthink_torch.decoding import GenerateOptions, Prompt, generate
from skipthink_torch.scoring import score


def test_rows_kept_for_company_go_on_past_the_context(model_folder: Path) -> None:
    student = runner(model_folder)
    prompt = Prompt(sequence(60, 0, 0).prompt, np.zeros(0, np.int64))
    options = GenerateOptions(max_new_tokens=100, stop_tokens=[])
    alone = generate(student, [prompt], options)
    # The context holds 64 tokens, and the last token that is written need not be read.
    assert len(alone[0].tokens) == 5
    student.is_sharded = True
    left = [True] * 12
    student.ranks.any = lambda flag: flag or bool(left and left.pop())  # type: ignore[method-assign]
    assert generate(student, [prompt], options) == alone
    assert left == []


def test_a_text_of_a_pair_is_as_long_as_the_embedded_engines(tmp_path: Path) -> None:
    torch.manual_seed(1)
    sizes = {"vocab_size": 61, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 4}
    T5ForConditionalGeneration(T5Config(**sizes, n_positions=10, decoder_start_token_id=0)).save_pretrained(
        tmp_path
    )
    student = runner(tmp_path)
    assert student.capabilities["contextLength"] == 20
    one = sequence(11, 3, 0)
    found = generate(
        student, [Prompt(one.prompt, one.context)], GenerateOptions(max_new_tokens=50, stop_tokens=[])
    )
    # Prompt, context and text fill 20 places; the token after the last of them is written, too.
    assert len(found[0].tokens) == 20 - 11 - 3 + 1


def test_longrope_ends_with_its_short_factors(tmp_path: Path) -> None:
    config = Phi3Config(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=4,
        pad_token_id=0,
        max_position_embeddings=128,
        original_max_position_embeddings=64,
        rope_parameters={"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4},
    )
    Phi3ForCausalLM(config).save_pretrained(tmp_path)
    assert runner(tmp_path).capabilities["contextLength"] == 64


def test_suppressed_tokens_are_never_written(model_folder: Path) -> None:
    student = runner(model_folder)
    given = [sequence(3, 2, 0), sequence(5, 0, 0), sequence(1, 1, 0)]
    prompts = [Prompt(one.prompt, one.context) for one in given]

    def written(**options: Any) -> list[list[int]]:
        found = generate(student, prompts, GenerateOptions(max_new_tokens=6, stop_tokens=[], **options))
        return [one.tokens for one in found]

    free = written()
    firsts = [tokens[0] for tokens in free]
    # What is best after the best token, one prompt at a time.
    asked = [TokenSequence(p.prompt, p.context, np.array([t])) for p, t in zip(prompts, firsts, strict=True)]
    scores, _ = score(student, asked, [], 1000, alternatives=True)
    for index, (first, alone) in enumerate(zip(firsts, scores, strict=True)):
        bound = written(suppress_tokens=[first])
        assert first not in bound[index] and bound[index][0] == alone.alternatives[0]
    # Draws in the whole range: every token but the suppressed ones may come.
    draws = np.linspace(0, 1, 18, endpoint=False).reshape(3, 6)
    kept = 4
    rest = list(range(kept, 61))
    sampled = written(suppress_tokens=rest, temperature=5.0, draws=draws)
    assert {token for tokens in sampled for token in tokens} == set(range(kept))
