"""PyTorch's side of bench/train-step.ts: the step as its users write it.

transformers' GPT2LMHeadModel with SDPA, logits of every position with labels of -100 where nothing is supervised,
clip_grad_norm_, fused AdamW. argv: model folder, file of batches, threads, learning rate. One JSON line in, one out.
"""

import json
import resource
import sys
import time

folder, batch_file, threads, learning_rate = sys.argv[1:5]
try:
    import torch
    import transformers
except ImportError as error:
    sys.exit(f"PyTorch's side needs torch and transformers: {error}. Set SKIPTHINK_PYTHON to a Python that has them.")

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(int(threads))
model = transformers.GPT2LMHeadModel.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32)
model.train()
decayed = [p for n, p in model.named_parameters() if p.dim() > 1]
others = [p for n, p in model.named_parameters() if p.dim() <= 1]
optimizer = torch.optim.AdamW(
    [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
    lr=float(learning_rate),
    fused=True,
)
with open(batch_file, encoding="utf-8") as file:
    batches = []
    for batch in json.load(file):
        ids = torch.tensor(batch["ids"])
        labels = ids[:, 1:].clone()
        labels[:, : batch["given"] - 1] = -100
        batches.append((ids[:, :-1].contiguous(), labels.reshape(-1)))
print(json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__}}), flush=True)


def step(ids, labels):
    logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), labels)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


done = 0
for line in sys.stdin:
    times = {"seconds": [], "cpuSeconds": [], "losses": [], "peakMegabytes": 0}
    for _ in range(json.loads(line)["steps"]):
        batch = batches[done % len(batches)]
        done += 1
        cpu, started = time.process_time(), time.perf_counter()
        times["losses"].append(step(*batch))
        times["seconds"].append(time.perf_counter() - started)
        times["cpuSeconds"].append(time.process_time() - cpu)
    times["peakMegabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(times), flush=True)
