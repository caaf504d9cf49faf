"""PyTorch's side of bench/train-step.ts: the step as its users write it.

transformers' own model class with SDPA, rows padded on the right to the longest of the batch as its data collators do, logits of
every position with labels of -100 where nothing is supervised, clip_grad_norm_, fused AdamW. Where items differ in length the
loss is a mean per item, as chunk-wise training has it. argv: model folder, file of batches, threads, learning rate. One JSON line in, one out.
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
model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32)
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
        # The last token of a sequence predicts nothing and is not read.
        longest = max(map(len, batch["ids"])) - 1
        rows = len(batch["ids"])
        ids = torch.zeros(rows, longest, dtype=torch.long)
        mask = torch.zeros(rows, longest, dtype=torch.long)
        labels = torch.full((rows, longest), -100)
        shares = torch.zeros(rows, longest)
        for row, (tokens, given, weight) in enumerate(zip(batch["ids"], batch["given"], batch["weights"])):
            length = len(tokens) - 1
            ids[row, :length] = torch.tensor(tokens[:-1])
            mask[row, :length] = 1
            labels[row, given - 1 : length] = torch.tensor(tokens[given:])
            shares[row, given - 1 : length] = weight / (len(tokens) - given)
        is_plain = bool(mask.all()) and len(set(batch["given"])) == 1
        batches.append((ids, None if is_plain else mask, labels.reshape(-1), None if is_plain else shares.reshape(-1)))
print(json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__}}), flush=True)


def step(ids, mask, labels, shares):
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    logits = logits.view(-1, logits.shape[-1])
    if shares is None:
        loss = torch.nn.functional.cross_entropy(logits, labels)
    else:
        loss = (torch.nn.functional.cross_entropy(logits, labels, reduction="none") * shares).sum()
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
