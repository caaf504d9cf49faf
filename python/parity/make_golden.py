"""Golden values of tiny random students, computed by transformers in float64, for test/engine/parity.test.ts.

    python python/parity/make_golden.py            writes test/golden/*/
    python python/parity/make_golden.py --check    compares what is there with what transformers says now

Weights come from NumPy's generator, whose streams do not depend on the machine. Each folder is a model folder as
transformers writes it, plus golden.json: logits, losses, gradients and greedy continuations.
"""

import argparse
import json
import math
import tempfile
import zlib
from pathlib import Path

import numpy
import rotary
import torch
from checks import Checks
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

GOLDEN = Path(__file__).resolve().parents[2] / "test" / "golden"
CONTEXT = 96
NEW_TOKENS = 64
GRADIENT_SAMPLES = 50
# Below this gap between the two best logits, float32 and float64 might choose different tokens.
SMALLEST_MARGIN = 5e-4

# Settings that every student of a family has: a short context, and no dropout.
COMMON = {
    "gpt2": {"n_positions": CONTEXT, "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0},
    "llama": {"max_position_embeddings": CONTEXT},
    "qwen2": {"max_position_embeddings": CONTEXT},
    # No padding token: torch would leave its embedding out of the gradient.
    "phi3": {"max_position_embeddings": CONTEXT, "pad_token_id": None},
}

# Vocabularies are odd on purpose; so are some widths of heads (12, not a power of two; 4, narrower than a vector register).
STUDENTS = {
    "gpt2-tied": {
        "family": "gpt2",
        "seed": 11,
        "config": {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4},
    },
    "gpt2-untied": {
        "family": "gpt2",
        "seed": 12,
        "config": {"vocab_size": 97, "n_embd": 24, "n_layer": 3, "n_head": 2, "tie_word_embeddings": False},
    },
    "gpt2-inner": {
        "family": "gpt2",
        "seed": 13,
        "config": {
            "vocab_size": 101,
            "n_embd": 32,
            "n_layer": 1,
            "n_head": 8,
            "n_inner": 96,
            "layer_norm_epsilon": 1e-3,
            "activation_function": "gelu_pytorch_tanh",
        },
    },
    "llama-tied": {
        "family": "llama",
        "seed": 21,
        "config": {
            "vocab_size": 97,
            "hidden_size": 32,
            "intermediate_size": 72,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "tie_word_embeddings": True,
        },
    },
    # Four query heads read one key-value head; heads are wider than the model divided by their number.
    "llama-grouped": {
        "family": "llama",
        "seed": 22,
        "config": {
            "vocab_size": 101,
            "hidden_size": 24,
            "intermediate_size": 40,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "head_dim": 10,
            "attention_bias": True,
            "mlp_bias": True,
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0},
        },
    },
    "llama-scaled": {
        "family": "llama",
        "seed": 23,
        "config": {
            "vocab_size": 97,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        },
    },
    "qwen2-tied": {
        "family": "qwen2",
        "seed": 31,
        "config": {
            "vocab_size": 103,
            "hidden_size": 32,
            "intermediate_size": 88,
            "num_hidden_layers": 2,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
        },
    },
    "qwen2-untied": {
        "family": "qwen2",
        "seed": 32,
        "config": {
            "vocab_size": 97,
            "hidden_size": 36,
            "intermediate_size": 60,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
        },
    },
    "qwen2-heads": {
        "family": "qwen2",
        "seed": 133,
        "config": {
            "vocab_size": 97,
            "hidden_size": 24,
            "intermediate_size": 50,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
        },
    },
    "phi3-tied": {
        "family": "phi3",
        "seed": 41,
        "config": {
            "vocab_size": 101,
            "hidden_size": 36,
            "intermediate_size": 70,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "num_key_value_heads": 3,
            "tie_word_embeddings": True,
            "rms_norm_eps": 1e-3,
        },
    },
    "phi3-grouped": {
        "family": "phi3",
        "seed": 42,
        "config": {
            "vocab_size": 97,
            "hidden_size": 40,
            "intermediate_size": 51,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            # As wide as the context: it changes nothing.
            "sliding_window": CONTEXT,
            "rope_parameters": {"rope_type": "default", "rope_theta": 3000.0},
        },
    },
    # A context stretched fourfold; sequences within the original one take the short factors.
    "phi3-longrope": {
        "family": "phi3",
        "seed": 43,
        "config": {
            "vocab_size": 103,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "max_position_embeddings": 4 * CONTEXT,
            "original_max_position_embeddings": CONTEXT,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0, 1.05, 1.3, 2.1],
                "long_factor": [1.1, 2.5, 7.0, 31.0],
            },
        },
    },
}


def build(name):
    """The student with weights large enough that logits, attention and gradients are far from flat."""
    student = STUDENTS[name]
    family = student["family"]
    settings = {**COMMON[family], **student["config"]}
    config = AutoConfig.for_model(family, initializer_range=0.2, bos_token_id=0, eos_token_id=0, **settings)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            random = numpy.random.Generator(numpy.random.PCG64([student["seed"], zlib.crc32(key.encode())]))
            # Strong positions keep greedy continuations from falling into a loop.
            deviation = 0.8 if key.endswith(("wpe.weight", "embed_tokens.weight")) else 0.2
            values = deviation * random.standard_normal(tuple(parameter.shape))
            if key.endswith("weight") and parameter.dim() == 1:
                values += 1
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))
    return model


def ragged_items(seed, sizes, vocabulary):
    """Sequences of the given [prompt, context, target] lengths with their loss weights."""
    random = numpy.random.Generator(numpy.random.PCG64([seed, 1]))
    weights = [0.05, 0.25, 0.2, 0.1, 0.3, 0.1]
    result = []
    for (prompt, context, target), weight in zip(sizes, weights, strict=True):
        tokens = random.integers(0, vocabulary, prompt + context + target).tolist()
        result.append(
            {
                "prompt": tokens[:prompt],
                "context": tokens[prompt : prompt + context],
                "target": tokens[prompt + context :],
                "weight": weight,
            }
        )
    return result


def gradients_of(model, loss):
    """Norm and some entries of every parameter's gradient."""
    model.zero_grad()
    loss.backward()
    gradients = {}
    for key, parameter in model.named_parameters():
        flat = parameter.grad.flatten()
        random = numpy.random.Generator(numpy.random.PCG64([7, zlib.crc32(key.encode())]))
        indices = sorted(random.choice(len(flat), min(len(flat), GRADIENT_SAMPLES), replace=False).tolist())
        gradients[key] = {"norm": flat.norm().item(), "indices": indices, "values": flat[indices].tolist()}
    return gradients


def recorded(model, sequences, losses, total, logits, continuations):
    """The golden file's content; `total` is the weighted loss with its graph."""
    return {
        "source": f"transformers {type(model).__name__}, float64, eager attention",
        "items": sequences,
        "losses": losses,
        "loss": total.item(),
        "logits": logits,
        "gradients": gradients_of(model, total),
        "greedy": continuations,
    }


def golden(name, model, frequencies=None):
    """Everything the test compares, from a float64 copy of the model; `frequencies` are those of its rotary positions."""
    model = model.double().eval()
    if frequencies is not None:
        rotary.in_double(model, frequencies)
    # The last sequence fills the whole context.
    sizes = [(1, 0, 1), (3, 0, 9), (5, 7, 4), (12, 3, 20), (2, 30, 1), (10, 14, CONTEXT - 24)]
    sequences = ragged_items(STUDENTS[name]["seed"], sizes, model.config.vocab_size)
    losses, logits = [], []
    total = torch.zeros((), dtype=torch.float64)
    for index, item in enumerate(sequences):
        given = len(item["prompt"]) + len(item["context"])
        ids = torch.tensor([item["prompt"] + item["context"] + item["target"]])
        output = model(ids).logits[0]
        predictions = torch.log_softmax(output[given - 1 : -1], dim=-1)
        loss = -predictions.gather(1, ids[0, given:, None]).mean()
        losses.append(loss.item())
        total = total + item["weight"] * loss
        for position in sorted({0, given - 1, ids.shape[1] - 1}):
            logits.append({"sequence": index, "position": position, "values": output[position].tolist()})
    result = recorded(model, sequences, losses, total, logits, greedy(name, model))
    if frequencies is not None:
        result["rotaryFrequencies"] = frequencies
    return result


def greedy(name, model):
    random = numpy.random.Generator(numpy.random.PCG64([STUDENTS[name]["seed"], 2]))
    continuations = []
    for length in (1, 5, 18, CONTEXT - NEW_TOKENS):
        prompt = random.integers(0, model.config.vocab_size, length).tolist()
        ids = torch.tensor([prompt])
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=NEW_TOKENS,
            eos_token_id=None,
            pad_token_id=0,
        )[0]
        with torch.no_grad():
            best = model(output[None]).logits[0, length - 1 : -1].topk(2, dim=-1).values
        margin = (best[:, 0] - best[:, 1]).min().item()
        if margin < SMALLEST_MARGIN:
            raise SystemExit(f"{name}: two logits are {margin} apart; choose another seed")
        continuations.append({"prompt": prompt, "tokens": output[length:].tolist(), "smallestMargin": margin})
    return continuations


def rounded(value):
    """Nine significant digits: more than float32 holds."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return value


def close(a, b):
    """Equal but for the rounding of float64 arithmetic and of the nine stored digits."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-9)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")


def write(folder, name):
    model = build(name)
    model.save_pretrained(folder)
    model = load(folder)
    frequencies = rounded(rotary.frequencies_of(model)) if rotary.has_rotary(model) else None
    values = golden(name, model, frequencies)
    (folder / "golden.json").write_text(json.dumps(rounded(values), separators=(",", ":")) + "\n", "utf-8")


def check(checks, name):
    folder = GOLDEN / name
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary), name)
        fresh = load_file(Path(temporary) / "model.safetensors")
        stored = load_file(folder / "model.safetensors")
        same = fresh.keys() == stored.keys() and all(torch.equal(fresh[key], stored[key]) for key in fresh)
        checks.that(f"{name}: weights are the generator's, bit for bit", same)
    expected = json.loads((folder / "golden.json").read_text("utf-8"))
    # What transformers reads from the committed folder, not from the fresh one.
    model = load(folder)
    frequencies = expected.get("rotaryFrequencies")
    checks.that(
        f"{name}: rotary frequencies are recorded where they are used",
        (frequencies is not None) == rotary.has_rotary(model),
    )
    if frequencies is not None:
        rotary.check_rotary(checks, name, model, frequencies, CONTEXT)
    values = rounded(golden(name, model, frequencies))
    checks.that(f"{name}: golden.json has every value", expected.keys() == values.keys())
    for key in expected:
        checks.that(f"{name}: {key}", key in values and close(expected[key], values[key]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--counts", help="JSON file for the number of checks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    checks = Checks()
    for name in STUDENTS:
        if arguments.check:
            check(checks, name)
        else:
            folder = GOLDEN / name
            folder.mkdir(parents=True, exist_ok=True)
            write(folder, name)
            print(f"wrote {folder}")
    if arguments.check:
        checks.finish(arguments.counts)


if __name__ == "__main__":
    main()
