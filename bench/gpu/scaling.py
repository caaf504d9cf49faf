"""
The tables of docs/scaling.md: time and memory of the whole method, on paper. Prints Markdown.

    python bench/gpu/scaling.py [--share 0.35] [--peak 989e12] [--items-per-gpu 8] …

Every assumption is an option or a constant below, named measured or assumed; docs/scaling.md says where each number is from.
Replace --peak and --share by what bench/gpu/throughput.py measures on your GPUs: matmulTeraflops (1e12 FLOP/s) and
shareOfMatmulRate, which leaves the update out as the share does here.
"""

import argparse
import math
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
    # How several GPUs hold it.
    sharding: str


MODELS = [
    Model("Qwen2-1.5B", 28, 1536, 151_936, 1.310e9, 1.544e9, "ddp"),
    Model("Phi-3-mini", 32, 3072, 32_064, 3.624e9, 3.821e9, "fsdp"),
]

# One rationale: question, four chunks, answer; tokens. Assumed.
QUESTION, CHUNK, CHUNKS, ANSWER = 60, 35, 4, 5
RATIONALE = CHUNK * CHUNKS
KEPT = 0.8  # share of a rationale that probing keeps; assumed
STAGES = CHUNKS + 1  # items that a rationale is in an epoch of chunk-wise training
# Tokens of such an item, on average.
ITEM = (sum(QUESTION + CHUNK * (m + 1) for m in range(CHUNKS)) + QUESTION + RATIONALE + ANSWER) / STAGES
DATA = {"7 k": (7_000, 20), "1 M": (1_000_000, 3)}
GPUS = (1, 8, 64)
GPUS_PER_NODE = 8

# Seconds of the processor per item or rationale, measured on a CPU core: reading a job (bench/gpu/read_job.py), and what
# skipthink's own process does while GPUs wait (bench/gpu/host.ts).
READ = 12.7e-6
ENCODE, SEARCH, PROBE, PLAN = 954e-6, 87e-6, 203e-6, 131e-6

# A check of the FLOPs: PyTorch's training steps on one thread of a CPU, all positions supervised, milliseconds, and what
# plain products reached there (docs/performance.md). Measured.
CPU_PRODUCTS = 90e9
CPU_STEPS = (
    (Model("4.2 M", 4, 256, 4096, 4 * 12 * 256**2, 4.2e6, "ddp"), 16, 128, 944),
    (Model("13.9 M", 6, 384, 8192, 6 * 12 * 384**2, 13.9e6, "ddp"), 8, 256, 3129),
)


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


@dataclass(frozen=True)
class Step:
    """Seconds of one optimizer step on every GPU, and what they are spent on."""

    computing: float
    # AdamW, clipping and the copies of the weights: memory traffic.
    updating: float
    # Gradients (ddp) or parameters and gradients (fsdp) between GPUs, as far as the backward pass does not hide it.
    exchanging: float
    reading: float

    @property
    def seconds(self) -> float:
        return self.computing + self.updating + self.exchanging + self.reading


def step(model: Model, gpus: int, flops: float, options: argparse.Namespace) -> Step:
    """A step of `items_per_gpu` items on every GPU. `flops`: of one item, on average."""
    computing = options.items_per_gpu * flops / (options.peak * options.share)
    held = model.total / gpus if model.sharding == "fsdp" else model.total
    # AdamW reads 16 bytes of a parameter and writes 12, clipping reads 8 and writes 4, autocast reads 4 and writes 2.
    updating = (28 + 12 + 6) * held / (options.memory * options.link_share)
    exchanging = 0.0
    if gpus > 1:
        # Twice 4 bytes for a sum over ranks; twice 2 (forward, backward) and 4 for fsdp.
        sent = 8 * model.total * (gpus - 1) / gpus
        if model.sharding == "fsdp":
            # In every micro-batch: what is not shared out at once would be held whole.
            sent *= math.ceil(options.items_per_gpu * ITEM / options.tokens_per_batch)
        link = options.inside_node if gpus <= GPUS_PER_NODE else options.between_nodes
        # The backward pass is two thirds of the computing, and some of the exchange goes on beneath it.
        hidden = options.overlap * computing * 2 / 3
        exchanging = max(0.0, sent / (link * options.link_share) - hidden)
    reading = options.items_per_gpu * gpus * READ  # every rank reads the whole step
    return Step(computing, updating, exchanging, reading)


def hours(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(header: str, rows: list[list[str]]) -> None:
    names = [name.strip() for name in header.split("|")]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def times(options: argparse.Namespace) -> None:
    rows = []
    for model in MODELS:
        cwt, stt = training(model)
        for data, (count, epochs) in DATA.items():
            for gpus in GPUS:
                at_once = options.items_per_gpu * gpus
                cwt_seconds = (
                    count * epochs * STAGES / at_once * step(model, gpus, cwt / STAGES, options).seconds
                )
                stt_seconds = count * epochs / at_once * step(model, gpus, stt, options).seconds
                rate = options.peak * options.share * gpus
                host = count * (ENCODE + epochs * (SEARCH + PLAN * 2) + PROBE)
                checkpoints = 2 * epochs * 12 * model.total / options.disk
                parts = [
                    cwt_seconds,
                    count * epochs * search(model) / rate,
                    count * probing(model) / rate,
                    stt_seconds,
                    host,
                    checkpoints,
                ]
                cells = [hours(part) for part in [*parts, sum(parts)]]
                rows.append([model.name, data, str(epochs), str(gpus), *cells])
    table(
        "student | rationales | epochs | GPUs | CWT | searches | probing | STT | host | checkpoints | whole",
        rows,
    )


def steps(options: argparse.Namespace) -> None:
    """Where the time of a step goes, and what more items do for it."""
    rows = []
    for model in MODELS:
        for gpus in GPUS:
            for items in (8, 32):
                given = argparse.Namespace(**{**vars(options), "items_per_gpu": items})
                one = step(model, gpus, training(model)[0] / STAGES, given)
                figures = (one.computing, one.updating, one.exchanging, one.reading)
                cells = [f"{1000 * part:.0f} ms" for part in figures]
                share = f"{100 * options.share * one.computing / one.seconds:.0f} %"
                rows.append([model.name, model.sharding, str(gpus), str(items), *cells, share])
    table(
        "student | sharding | GPUs | items per GPU | computing | updating | exchanging | reading | share of the peak",
        rows,
    )


def memory(options: argparse.Namespace) -> None:
    rows = []
    for model in MODELS:
        for sharding, gpus in (("ddp", 1), ("ddp", 8), ("fsdp", 8), ("fsdp", 64)):
            share = gpus if sharding == "fsdp" else 1
            state = 16 * model.total / share
            # DDP keeps gradients a second time in its buckets; FSDP gathers two blocks and the tables at a time.
            buckets = 4 * model.total if sharding == "ddp" and gpus > 1 else 0
            tables = model.total - model.body
            copies = 2 * model.total if sharding == "ddp" else 2 * (2 * model.body / model.layers + tables)
            # 34 bytes per token, layer and width without recomputing (Korthikanti et al. 2022, without attention's matrix,
            # which is never written down); with it 2, and one block's 34. Logits of half the tokens: 12 bytes a number.
            tokens = options.tokens_per_batch
            logits = 12 * model.vocabulary * tokens / 2
            whole = 34 * model.width * tokens * model.layers + logits
            checkpointed = (2 * model.layers + 34) * model.width * tokens + logits
            base = state + buckets + copies
            figures = (state + buckets, copies, whole, checkpointed, base + whole, base + checkpointed)
            rows.append([model.name, sharding, str(gpus), *(f"{value / 1e9:.1f} GB" for value in figures)])
    table(
        "student | sharding | GPUs | weights, gradients, moments | bfloat16 copies | activations | with gradientCheckpointing"
        " | sum per GPU | with gradientCheckpointing",
        rows,
    )


def check() -> None:
    rows = []
    for model, items, length, milliseconds in CPU_STEPS:
        flops = 3 * items * forward(model, length, length)
        rate = flops / milliseconds * 1000
        cells = [
            f"{flops / 1e9:.0f}",
            f"{milliseconds} ms",
            f"{rate / 1e9:.0f}",
            f"{100 * rate / CPU_PRODUCTS:.0f} %",
        ]
        rows.append([model.name, f"{items} x {length}", *cells])
    table("student | tokens | GFLOP by the formula | measured | GFLOP/s | share of plain products", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    add = parser.add_argument
    add("--peak", type=float, default=989e12, help="FLOP/s of one GPU in bfloat16")
    add("--share", type=float, default=0.35, help="share of it that the passes reach on one GPU")
    add("--memory", type=float, default=3.35e12, help="bytes/s of the GPU's memory")
    add("--inside-node", type=float, default=450e9, help="bytes/s in each direction between GPUs of a node")
    add("--between-nodes", type=float, default=400e9, help="bytes/s of a node's network cards together")
    add("--link-share", type=float, default=0.8, help="share of these three that is reached")
    add(
        "--overlap",
        type=float,
        default=0.5,
        help="share of the backward pass beneath which an exchange goes on",
    )
    add("--disk", type=float, default=2e9, help="bytes/s of writing checkpoints")
    add("--items-per-gpu", type=int, default=8, help="training items of a step on each GPU")
    add("--tokens-per-batch", type=int, default=4096, help="train.tokensPerBatch")
    options = parser.parse_args()
    times(options)
    steps(options)
    memory(options)
    check()


if __name__ == "__main__":
    main()
