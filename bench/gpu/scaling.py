"""
The tables of docs/scaling.md: time and memory of the whole method, on paper. Prints Markdown.

    python bench/gpu/scaling.py [--share 0.35] [--peak 989e12]

Replace --peak and --share by what bench/gpu/throughput.py measures on your GPUs.
"""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """Sizes from the published config.json."""

    name: str
    layers: int
    width: int
    vocabulary: int
    # Parameters of the blocks, and of all there is.
    body: float
    total: float


MODELS = [
    Model("Qwen2-1.5B", 28, 1536, 151_936, 1.310e9, 1.544e9),
    Model("Phi-3-mini", 32, 3072, 32_064, 3.624e9, 3.821e9),
]

# One rationale: question, four chunks, answer; tokens.
QUESTION, CHUNK, CHUNKS, ANSWER = 60, 35, 4, 5
RATIONALE = CHUNK * CHUNKS
KEPT = 0.8  # share of a rationale that probing keeps
# Exchange of gradients and parameters that computing does not hide.
LOSS_BY_RANKS = {1: 1.0, 8: 0.9, 64: 0.75}
DATA = {"7 k": (7_000, 20), "1 M": (1_000_000, 3)}


def forward(model: Model, read: float, predicted: float) -> float:
    """FLOPs: 2 per parameter and token, attention, and the head where it is asked for."""
    return (
        2 * model.body + 4 * model.layers * model.width * read
    ) * read + 2 * model.width * model.vocabulary * predicted


def training(model: Model) -> tuple[float, float]:
    """FLOPs of one rationale in one epoch: chunk-wise training, skip-thinking training."""
    stages = sum(forward(model, QUESTION + CHUNK * (m + 1), CHUNK + 1) for m in range(CHUNKS))
    answer = forward(model, QUESTION + RATIONALE + ANSWER, RATIONALE + ANSWER)
    short = forward(model, QUESTION + KEPT * RATIONALE + ANSWER, KEPT * RATIONALE + ANSWER)
    return 3 * (stages + answer), 3 * short


def search(model: Model) -> float:
    """One scoring pass over a rationale."""
    return forward(model, QUESTION + RATIONALE, RATIONALE + 1)


def probing(model: Model) -> float:
    """The whole, then one removal per medium chunk: answers, and continuations (criterion: continuation)."""
    passes = CHUNKS
    return passes * (
        forward(model, QUESTION + RATIONALE + ANSWER, ANSWER)
        + forward(model, QUESTION + RATIONALE, RATIONALE)
    )


def hours(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--peak", type=float, default=989e12, help="FLOP/s of one GPU in bfloat16")
    parser.add_argument(
        "--share", type=float, default=0.35, help="share of it that training reaches on one GPU"
    )
    arguments = parser.parse_args()
    print("| student | rationales | epochs | GPUs | CWT | searches | probing | STT | whole |")
    print("|---|---|---|---|---|---|---|---|---|")
    for model in MODELS:
        cwt, stt = training(model)
        for data, (count, epochs) in DATA.items():
            for gpus, kept in LOSS_BY_RANKS.items():
                rate = arguments.peak * arguments.share * gpus * kept
                parts = [
                    count * epochs * cwt / rate,
                    count * epochs * search(model) / rate,
                    count * probing(model) / rate,
                    count * epochs * stt / rate,
                ]
                cells = " | ".join(hours(part) for part in [*parts, sum(parts)])
                print(f"| {model.name} | {data} | {epochs} | {gpus} | {cells} |")
    print()
    print("| student | sharding | GPUs | weights, gradients, moments | bfloat16 copies | sum per GPU |")
    print("|---|---|---|---|---|---|")
    for model in MODELS:
        for sharding, gpus in (("ddp", 1), ("ddp", 8), ("fsdp", 8), ("fsdp", 64)):
            share = gpus if sharding == "fsdp" else 1
            state = 16 * model.total / share
            # DDP keeps gradients a second time in its buckets; FSDP gathers two blocks and the tables at a time.
            buckets = 4 * model.total if sharding == "ddp" and gpus > 1 else 0
            tables = model.total - model.body
            copies = 2 * model.total if sharding == "ddp" else 2 * (2 * model.body / model.layers + tables)
            row = [f"{value / 1e9:.1f} GB" for value in (state + buckets, copies, state + buckets + copies)]
            print(f"| {model.name} | {sharding} | {gpus} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
