"""
Training throughput on chunk-wise items: share of the device's measured bfloat16 matmul rate, and transformers.Trainer's.

    python bench/gpu/throughput.py                     GPT-2 124M and a Qwen2-1.5B-shaped random model, on a GPU
    python bench/gpu/throughput.py --tiny              the same code with tiny models, on any machine
    python bench/gpu/throughput.py --trainer           transformers.Trainer on the same items, too

One JSON line per measurement. Both sides get the same sequences in the same steps; ours computes the head on supervised
positions only, the Trainer on all of them, with labels of -100.
Model FLOPs per token are 6 · parameters + 12 · layers · width · length (Chowdhery et al. 2022, PaLM, appendix B), with the
head's parameters counted for supervised tokens only on both sides: the share says how much *useful* work is done.
`shareOfMatmulRate` is that of forward and backward passes, the --share of bench/gpu/scaling.py; the update is timed apart
(with clipping on our side, without it on the Trainer's), and is in `shareOfMatmulRateInWholeSteps`.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python" / "skipthink_torch"))
from transformers import AutoConfig, AutoModelForCausalLM

from skipthink_torch.batch import TokenSequence
from skipthink_torch.ranks import Ranks
from skipthink_torch.student import Compute, Student
from skipthink_torch.training import AdamWOptions, Runner

MODELS = {
    "gpt2-124m": ("gpt2", {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}),
    "qwen2-1.5b": (
        "qwen2",
        {
            "vocab_size": 151_936,
            "hidden_size": 1536,
            "intermediate_size": 8960,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
        },
    ),
}
TINY = {
    "gpt2-124m": {"n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 512},
    "qwen2-1.5b": {
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "vocab_size": 512,
        "num_attention_heads": 4,
    },
}


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def matmul_rate(device: torch.device, size: int) -> float:
    """FLOP/s of a square bfloat16 product: the best of ten."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        synchronize(device)
        started = time.perf_counter()
        a @ b
        synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def cwt_items(count: int, vocabulary: int, scale: float) -> list[TokenSequence]:
    """Items of four chunks: question of about 60 tokens, chunks of about 35; a fifth are answer items of the whole."""
    random = np.random.default_rng(1)

    def tokens(mean: float) -> np.ndarray:
        return random.integers(1, vocabulary, max(2, int(random.normal(mean, mean / 4) * scale)))

    items = []
    for index in range(count):
        stage = index % 5
        question, chunks = tokens(60), [tokens(35) for _ in range(4)]
        before, target = ([], chunks) if stage == 4 else (chunks[:stage], chunks[stage : stage + 1])
        context = np.concatenate(before) if before else np.zeros(0, np.int64)
        items.append(TokenSequence(question, context, np.concatenate(target)))
    return items


def steps_of(items: list[TokenSequence], per_step: int) -> list[list[TokenSequence]]:
    """One stage per batch, as chunk-wise training has it."""
    stages = [items[stage::5] for stage in range(5)]
    steps = []
    for of_stage in stages:
        ordered = sorted(of_stage, key=lambda one: -one.length)
        steps += [ordered[i : i + per_step] for i in range(0, len(ordered) - per_step + 1, per_step)]
    order = np.random.default_rng(2).permutation(len(steps))
    weigh = [[TokenSequence(s.prompt, s.context, s.target, 1 / per_step) for s in step] for step in steps]
    return [weigh[i] for i in order]


def useful_flops(model: torch.nn.Module, steps: list[list[TokenSequence]]) -> float:
    config = model.config
    head = config.vocab_size * config.hidden_size
    tables = head if config.tie_word_embeddings else 2 * head
    positions = config.n_positions * config.hidden_size if config.model_type == "gpt2" else 0
    body = sum(p.numel() for p in model.parameters()) - tables - positions
    flops = 0.0
    for step in steps:
        for one in step:
            attention = 12 * config.num_hidden_layers * config.hidden_size * one.length
            flops += (6 * body + attention) * (one.length - 1) + 6 * head * len(one.target)
    return flops


def reset_memory(device: torch.device) -> None:
    """What an earlier measurement held is gone, so that the peak is the next one's."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


@dataclass
class Seconds:
    """Of the measured steps, and of their updates alone."""

    whole: float = 0.0
    updating: float = 0.0


class TimedRunner(Runner):
    """Waits for the device before and after each update."""

    updating = 0.0

    def _update(self, learning_rate: float) -> torch.Tensor:
        synchronize(self.ranks.device)
        started = time.perf_counter()
        norm = super()._update(learning_rate)
        synchronize(self.ranks.device)
        self.updating += time.perf_counter() - started
        return norm


def ours(
    model: torch.nn.Module, steps: list, warm: int, device: torch.device, compile_blocks: bool
) -> Seconds:
    compute = Compute(precision="bfloat16", compile=compile_blocks)
    runner = TimedRunner(Student(model, Path(".")), AdamWOptions(), compute, Ranks(0, 1, device))
    for step in steps[:warm]:
        runner.train([step], 1e-4)
    synchronize(device)
    started, runner.updating = time.perf_counter(), 0.0
    for step in steps[warm:]:
        runner.train([step], 1e-4)
    synchronize(device)
    return Seconds(time.perf_counter() - started, runner.updating)


def trainers(model: torch.nn.Module, steps: list, warm: int, device: torch.device) -> Seconds:
    """transformers.Trainer with its usual fast settings: bf16, fused AdamW, padding to the longest of the batch."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    rows = []
    for step in steps:
        for one in step:
            ids = np.concatenate((one.prompt, one.context, one.target))
            labels = ids.copy()
            labels[: -len(one.target)] = -100
            rows.append({"input_ids": ids, "labels": labels})

    def collate(batch: list) -> dict:
        time_ = max(len(row["input_ids"]) for row in batch)
        padded = {
            key: torch.tensor(
                np.stack(
                    [np.pad(row[key], (0, time_ - len(row[key])), constant_values=fill) for row in batch]
                )
            )
            for key, fill in (("input_ids", 0), ("labels", -100))
        }
        lengths = torch.tensor([len(row["input_ids"]) for row in batch])
        return {**padded, "attention_mask": (torch.arange(time_)[None] < lengths[:, None]).long()}

    class Clock(TrainerCallback):
        began = update_began = updating = 0.0

        def on_pre_optimizer_step(self, *_arguments, **_rest):
            synchronize(device)
            self.update_began = time.perf_counter()

        def on_optimizer_step(self, *_arguments, **_rest):
            synchronize(device)
            self.updating += time.perf_counter() - self.update_began

        def on_step_end(self, _arguments, state, _control, **_rest):
            if state.global_step == warm:
                synchronize(device)
                self.began, self.updating = time.perf_counter(), 0.0

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=len(steps[0]),
            max_steps=len(steps),
            bf16=True,
            optim="adamw_torch_fused",
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=device.type == "cpu",
            dataloader_num_workers=0 if device.type == "cpu" else 2,
            train_sampling_strategy="sequential",
        )
        trainer = Trainer(
            model=model, args=arguments, train_dataset=rows, data_collator=collate, callbacks=[clock]
        )
        trainer.train()
        synchronize(device)
        return Seconds(time.perf_counter() - clock.began, clock.updating)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models and few steps: shows that it runs")
    parser.add_argument(
        "--trainer", action="store_true", help="measure transformers.Trainer too (needs accelerate)"
    )
    parser.add_argument("--compile", action="store_true", help="compile the blocks of our side")
    parser.add_argument("--items-per-step", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--model", choices=list(MODELS), action="append")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    per_step, count = (4, 6) if arguments.tiny else (arguments.items_per_step, arguments.steps)
    warm = max(2, count // 6)
    rate = matmul_rate(device, 256 if arguments.tiny else 8192)
    for name in arguments.model or list(MODELS):
        family, settings = MODELS[name]
        config = AutoConfig.for_model(family, **{**settings, **(TINY[name] if arguments.tiny else {})})
        items = cwt_items(per_step * (count + 10), config.vocab_size, 0.2 if arguments.tiny else 1.0)
        steps = steps_of(items, per_step)[:count]
        for side in ("skipthink", "trainer") if arguments.trainer else ("skipthink",):
            reset_memory(device)
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).train()
            flops = useful_flops(model, steps[warm:])
            if side == "skipthink":
                seconds = ours(model, steps, warm, device, arguments.compile)
            else:
                seconds = trainers(model.to(device), steps, warm, device)
            computing = seconds.whole - seconds.updating
            tokens = sum(one.length for step in steps[warm:] for one in step)
            found = {
                "model": name,
                "tiny": arguments.tiny,
                "side": side,
                "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
                "tokensPerSecond": tokens / seconds.whole,
                "secondsPerStep": seconds.whole / len(steps[warm:]),
                "secondsPerUpdate": seconds.updating / len(steps[warm:]),
                # Tiny products say nothing of what a device can do.
                "shareOfMatmulRate": None if arguments.tiny else flops / computing / rate,
                "shareOfMatmulRateInWholeSteps": None if arguments.tiny else flops / seconds.whole / rate,
                "matmulTeraflops": rate / 1e12,
                "peakGigabytes": torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else None,
            }
            print(json.dumps(found), flush=True)
            del model


if __name__ == "__main__":
    main()
