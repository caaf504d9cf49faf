"""Loads a student that we saved in transformers, unchanged, and compares it with what our side computed.

node scripts/save-for-parity.mjs FOLDER && python python/parity/check_saved.py FOLDER
"""

import argparse
import json
from pathlib import Path

import torch
from checks import Checks
from transformers import AutoModelForCausalLM, AutoTokenizer

# Ours is float32, the reference float64.
TOLERANCE = 1e-4


def check_tokenizer(checks, tokenizer, expected):
    checks.that("tokenizer: size", len(tokenizer) == expected["vocabularySize"], str(len(tokenizer)))
    checks.that("tokenizer: end of sequence", tokenizer.eos_token_id == expected["endOfSequence"])
    added = {token: tokenizer.convert_tokens_to_ids(token) for token in expected["addedIds"]}
    checks.that("tokenizer: added tokens", added == expected["addedIds"], json.dumps(added))
    for token, id in expected["addedIds"].items():
        ids = tokenizer.encode(f"a{token}b", add_special_tokens=False)
        checks.that(f"tokenizer: {token} is one token inside text", ids.count(id) == 1 and len(ids) == 3)
    for entry in expected["texts"]:
        ids = tokenizer.encode(entry["text"], add_special_tokens=False)
        checks.that(f"tokenizer: ids of {entry['text']!r}", ids == entry["ids"])
        checks.that(f"tokenizer: {entry['text']!r} comes back", tokenizer.decode(ids) == entry["text"])
    for index, entry in enumerate(expected["decoded"]):
        text = tokenizer.decode(entry["ids"], skip_special_tokens=True)
        checks.that(f"tokenizer: decoded sequence {index}", text == entry["text"])
        text = tokenizer.decode(entry["ids"], skip_special_tokens=False)
        checks.that(f"tokenizer: decoded sequence {index} with special tokens", text == entry["withSpecial"])


def check_model(checks, model, expected):
    rows = model.get_input_embeddings().weight.shape[0]
    checks.that("model: embedding rows", rows == expected["vocabularySize"], str(rows))
    for index, entry in enumerate(expected["sequences"]):
        given = len(entry["given"])
        ids = torch.tensor([entry["given"] + entry["target"]])
        with torch.no_grad():
            found = torch.log_softmax(model(ids).logits[0, given - 1 :], dim=-1)
        ours = torch.tensor(entry["logProbabilities"], dtype=torch.float64)
        same_shape = found.shape == ours.shape
        difference = (found - ours).abs().max().item() if same_shape else float("nan")
        name = f"model: log-probabilities of sequence {index}"
        checks.that(name, same_shape and difference < TOLERANCE, f"largest difference {difference:.1e}")
        prompt = torch.tensor([entry["given"]])
        output = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=len(entry["greedy"]),
            eos_token_id=None,
            pad_token_id=0,
        )[0, given:].tolist()
        checks.that(f"model: greedy continuation of sequence {index}", output == entry["greedy"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="what scripts/save-for-parity.mjs wrote")
    parser.add_argument("--counts", help="JSON file for the number of checks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    expected = json.loads((arguments.folder / "expected.json").read_text("utf-8"))
    model, report = AutoModelForCausalLM.from_pretrained(
        arguments.folder, dtype=torch.float64, output_loading_info=True
    )
    checks = Checks()
    # The tied head has no tensor of its own; anything else missing or unknown would be a defect of what we write.
    missing = set(report["missing_keys"]) - {"lm_head.weight"}
    checks.that("model: no tensor is missing", not missing, str(sorted(missing)))
    checks.that("model: no tensor is unknown", not report["unexpected_keys"], str(report["unexpected_keys"]))
    check_model(checks, model.eval(), expected)
    check_tokenizer(checks, AutoTokenizer.from_pretrained(arguments.folder), expected)
    checks.finish(arguments.counts)


if __name__ == "__main__":
    main()
