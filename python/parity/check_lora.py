"""Puts our LoRA adapters on their base models with PEFT, and compares with our merged students and with our engine.

node scripts/save-lora-for-parity.mjs FOLDER && python python/parity/check_lora.py FOLDER
"""

import argparse
import json
from pathlib import Path

import torch
from checks import Checks
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

# Ours is float32, the reference float64.
TOLERANCE = 1e-4
# What adapters must change for the comparison to say anything.
LEAST_CHANGE = 1e-2


def load(folder):
    config = AutoConfig.from_pretrained(folder)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    return kind.from_pretrained(folder, dtype=torch.float64).eval()


def log_probabilities(model, entry):
    """[target length + 1, vocabulary]: before each target token, and after the last."""
    given = entry["prompt"] + entry["context"]
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            start = model.config.decoder_start_token_id
            decoder_ids = [start] + entry["context"] + entry["target"]
            logits = model(
                input_ids=torch.tensor([entry["prompt"]]), decoder_input_ids=torch.tensor([decoder_ids])
            ).logits[0, len(entry["context"]) :]
        else:
            logits = model(input_ids=torch.tensor([given + entry["target"]])).logits[0, len(given) - 1 :]
    return torch.log_softmax(logits, dim=-1)


def check_student(checks, folder):
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    merged = load(folder)
    rows = merged.get_input_embeddings().weight.shape[0]
    name = json.loads((folder / "adapter" / "adapter_config.json").read_text("utf-8"))[
        "base_model_name_or_path"
    ]
    base = load(name)
    base.resize_token_embeddings(rows, mean_resizing=False)
    plain = [log_probabilities(base, entry) for entry in expected["sequences"]]
    adapted = PeftModel.from_pretrained(base, folder / "adapter").eval()
    stored = sum(1 for key in adapted.state_dict() if "lora_" in key)
    checks.that(f"{folder.name}: PEFT found layers for the adapters", stored > 0, f"{stored} matrices")
    for index, entry in enumerate(expected["sequences"]):
        with_adapter = log_probabilities(adapted, entry)
        ours = torch.tensor(entry["logProbabilities"], dtype=torch.float64)
        for what, other in [("our merged student", log_probabilities(merged, entry)), ("our engine", ours)]:
            same_shape = with_adapter.shape == other.shape
            difference = (with_adapter - other).abs().max().item() if same_shape else float("nan")
            title = f"{folder.name}: sequence {index}, PEFT and {what}"
            checks.that(title, same_shape and difference < TOLERANCE, f"largest difference {difference:.1e}")
        change = (with_adapter - plain[index]).abs().max().item()
        checks.that(
            f"{folder.name}: sequence {index} is changed by the adapter",
            change > LEAST_CHANGE,
            f"{change:.1e}",
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="what scripts/save-lora-for-parity.mjs wrote")
    parser.add_argument("--counts", help="JSON file for the number of checks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    checks = Checks()
    for folder in sorted(arguments.folder.iterdir()):
        check_student(checks, folder)
    checks.finish(arguments.counts)


if __name__ == "__main__":
    main()
