"""Golden values of tiny random T5 students, computed by transformers in float64, for test/engine/t5-parity.test.ts.

    python python/parity/make_golden_t5.py            writes test/golden-t5/*/
    python python/parity/make_golden_t5.py --check    compares what is there with what transformers says now
    python python/parity/make_golden_t5.py --saved FOLDER
        loads a folder that scripts/save-t5-for-parity.mjs wrote, unchanged, and compares it with its expected.json

As make_golden.py, with the prompt in the encoder and the rest in the decoder. Besides, buckets.json holds the buckets of
relative positions under several settings.
"""

import argparse
import json
import tempfile
import zlib
from pathlib import Path

import numpy
import torch
from checks import Checks
from make_golden import NEW_TOKENS, SMALLEST_MARGIN, close, ragged_items, recorded, rounded
from safetensors.torch import load_file
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

GOLDEN = Path(__file__).resolve().parents[2] / "test" / "golden-t5"
START = 0

# Sequences are longer than the largest distance of each student, so that its last bucket is used.
STUDENTS = {
    # v1.0: ReLU, tied and scaled head.
    "relu-tied": {
        "seed": 641,
        "untied": False,
        "config": {
            "vocab_size": 97,
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
            "relative_attention_num_buckets": 32,
            "relative_attention_max_distance": 40,
            "feed_forward_proj": "relu",
        },
    },
    # v1.1 and Flan: gated GELU, a head of its own, not scaled.
    "gated-untied": {
        "seed": 442,
        "untied": True,
        "config": {
            "vocab_size": 101,
            "d_model": 24,
            "d_kv": 8,
            "d_ff": 40,
            "num_layers": 2,
            "num_heads": 3,
            "relative_attention_num_buckets": 16,
            "relative_attention_max_distance": 30,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
    },
    # Odd sizes: heads are wider than the model, the decoder is deeper than the encoder, buckets do not halve evenly.
    "odd-sizes": {
        "seed": 143,
        "untied": False,
        "config": {
            "vocab_size": 89,
            "d_model": 20,
            "d_kv": 7,
            "d_ff": 33,
            "num_layers": 1,
            "num_decoder_layers": 3,
            "num_heads": 3,
            "relative_attention_num_buckets": 11,
            "relative_attention_max_distance": 23,
            "feed_forward_proj": "gated-gelu",
            "layer_norm_epsilon": 1e-3,
        },
    },
}

# Buckets and largest distance: T5's own, and others whose logarithms fall on whole numbers or never do.
BUCKETS = [(32, 128), (32, 40), (16, 30), (11, 23), (64, 512), (4, 9), (33, 1000), (128, 4096)]


def build(name):
    """The student with weights large enough that logits, attention and gradients are far from flat."""
    student = STUDENTS[name]
    config = T5Config(decoder_start_token_id=START, dropout_rate=0.0, n_positions=128, **student["config"])
    model = T5ForConditionalGeneration(config)
    if student["untied"]:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            random = numpy.random.Generator(numpy.random.PCG64([student["seed"], zlib.crc32(key.encode())]))
            # Attention that picks tokens by place and content keeps greedy continuations from falling into a loop; sharper
            # than this, float32 itself would be further from float64 than the test allows.
            strong = key.endswith(("v.weight", "o.weight"))
            deviation = 2.0 if "relative" in key else 0.5 if "Attention" in key and strong else 0.3
            values = deviation * random.standard_normal(tuple(parameter.shape))
            if key.endswith("layer_norm.weight"):
                values += 1
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))
    return model


def load(folder):
    return T5ForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    ).eval()


def logits_of(model, prompt, decoder):
    return model(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
        decoder_input_ids=torch.tensor([[START, *decoder]]),
    ).logits[0]


def golden(name, model):
    """Everything the test compares, from a float64 copy of the model."""
    # Long prompts with short targets, and the other way round.
    sizes = [(1, 0, 1), (3, 0, 9), (5, 7, 4), (60, 3, 20), (2, 50, 1), (10, 14, 40)]
    sequences = ragged_items(STUDENTS[name]["seed"], sizes, model.config.vocab_size)
    losses, logits = [], []
    total = torch.zeros((), dtype=torch.float64)
    for index, item in enumerate(sequences):
        given = len(item["context"])
        target = torch.tensor(item["target"])
        output = logits_of(model, item["prompt"], item["context"] + item["target"])
        predictions = torch.log_softmax(output[given:-1], dim=-1)
        loss = -predictions.gather(1, target[:, None]).mean()
        losses.append(loss.item())
        total = total + item["weight"] * loss
        for position in sorted({0, given, len(output) - 1}):
            logits.append({"sequence": index, "position": position, "values": output[position].tolist()})
    return recorded(model, sequences, losses, total, logits, greedy(name, model))


def generate(model, prompt, context, count):
    return model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
        decoder_input_ids=torch.tensor([[START, *context]]),
        do_sample=False,
        max_new_tokens=count,
        # The cache of transformers 5.23 has as many layers as the encoder, which may be too few for the decoder.
        use_cache=False,
        eos_token_id=None,
        pad_token_id=0,
    )[0, 1 + len(context) :].tolist()


def greedy(name, model):
    random = numpy.random.Generator(numpy.random.PCG64([STUDENTS[name]["seed"], 2]))
    continuations = []
    for length, given in ((1, 0), (5, 0), (48, 0), (18, 6), (3, 1)):
        prompt = random.integers(0, model.config.vocab_size, length).tolist()
        context = random.integers(0, model.config.vocab_size, given).tolist()
        tokens = generate(model, prompt, context, NEW_TOKENS)
        with torch.no_grad():
            best = logits_of(model, prompt, context + tokens)[given:-1].topk(2, dim=-1).values
        margin = (best[:, 0] - best[:, 1]).min().item()
        if margin < SMALLEST_MARGIN:
            raise SystemExit(f"{name}: two logits are {margin} apart; choose another seed")
        continuations.append(
            {"prompt": prompt, "context": context, "tokens": tokens, "smallestMargin": margin}
        )
    print(name, "different tokens:", [len(set(entry["tokens"])) for entry in continuations])
    if max(len(set(entry["tokens"])) for entry in continuations) < 8:
        raise SystemExit(f"{name}: its continuations are loops; choose another seed")
    return continuations


def buckets():
    """Bucket of each relative position (key minus query), from -span to span."""
    tables = []
    for count, largest in BUCKETS:
        span = largest + 10
        relative = torch.arange(-span, span + 1)
        for bidirectional in (True, False):
            found = T5Attention._relative_position_bucket(relative, bidirectional, count, largest)
            tables.append(
                {
                    "buckets": count,
                    "maxDistance": largest,
                    "bidirectional": bidirectional,
                    "first": -span,
                    # Runs of equal buckets: [bucket, length].
                    "runs": runs(found.tolist()),
                }
            )
    return tables


def runs(values):
    result = []
    for value in values:
        if result and result[-1][0] == value:
            result[-1][1] += 1
        else:
            result.append([value, 1])
    return result


def write(folder, name):
    build(name).save_pretrained(folder)
    values = golden(name, load(folder))
    (folder / "golden.json").write_text(json.dumps(rounded(values), separators=(",", ":")) + "\n", "utf-8")


def check(checks, name):
    folder = GOLDEN / name
    with tempfile.TemporaryDirectory() as temporary:
        build(name).save_pretrained(temporary)
        fresh = load_file(Path(temporary) / "model.safetensors")
        stored = load_file(folder / "model.safetensors")
    same = fresh.keys() == stored.keys() and all(torch.equal(fresh[key], stored[key]) for key in fresh)
    checks.that(f"{name}: weights are the generator's, bit for bit", same)
    values = rounded(golden(name, load(folder)))
    expected = json.loads((folder / "golden.json").read_text("utf-8"))
    for key in expected:
        checks.that(f"{name}: {key}", key in values and close(expected[key], values[key]))


def check_saved(checks, folder):
    """A folder of our engine, unchanged, with what our engine says of it: log-probabilities and greedy tokens."""
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    model, report = T5ForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager", output_loading_info=True
    )
    model.eval()
    tied = {"lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
    missing = set(report["missing_keys"]) - tied
    checks.that("saved: no tensor is missing", not missing, str(sorted(missing)))
    checks.that("saved: no tensor is unknown", not report["unexpected_keys"], str(report["unexpected_keys"]))
    for index, entry in enumerate(expected["sequences"]):
        given = len(entry["context"])
        target = torch.tensor(entry["target"])
        with torch.no_grad():
            output = logits_of(model, entry["prompt"], entry["context"] + entry["target"])[given:-1]
        found = torch.log_softmax(output, dim=-1).gather(1, target[:, None])[:, 0]
        ours = torch.tensor(entry["logProbabilities"], dtype=torch.float64)
        difference = (found - ours).abs().max().item()
        checks.that(
            f"saved: log-probabilities of sequence {index}",
            difference < 1e-4,
            f"largest difference {difference:.1e}",
        )
        tokens = generate(model, entry["prompt"], entry["context"], len(entry["greedy"]))
        checks.that(f"saved: greedy continuation of sequence {index}", tokens == entry["greedy"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--saved", type=Path, help="check this folder, which our engine saved")
    parser.add_argument("--counts", help="JSON file for the number of checks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    checks = Checks()
    if arguments.saved is not None:
        check_saved(checks, arguments.saved)
        checks.finish(arguments.counts)
    if arguments.check:
        for name in STUDENTS:
            check(checks, name)
        stored = json.loads((GOLDEN / "buckets.json").read_text("utf-8"))
        checks.that("buckets of relative positions", stored == buckets())
        checks.finish(arguments.counts)
    for name in STUDENTS:
        folder = GOLDEN / name
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, name)
        print(f"wrote {folder}")
    (GOLDEN / "buckets.json").write_text(json.dumps(buckets(), separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
