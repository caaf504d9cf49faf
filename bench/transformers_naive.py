"""transformers' side of bench/search.ts: one scoring pass for every chunking looked at, one `generate` for every removal, one at a time.

argv: model folder, file of sequences and probes, threads. One JSON line in, one out.
"""

import json
import resource
import sys
import time

folder, work_file, threads = sys.argv[1:4]
try:
    import torch
    import transformers
except ImportError as error:
    sys.exit(f"this side needs torch and transformers: {error}. Set SKIPTHINK_PYTHON to a Python that has them.")

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(int(threads))
model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32)
model.eval()
with open(work_file, encoding="utf-8") as file:
    work = json.load(file)


def score(sequence):
    """Log-likelihood of each target token."""
    ids = torch.tensor([sequence["given"] + sequence["target"]])
    first = len(sequence["given"]) - 1
    logits = model(ids).logits[0, first:-1]
    return torch.log_softmax(logits, -1).gather(1, ids[0, first + 1 :, None])


def answers_right(probe):
    """Whether greedy decoding writes the gold answer, end of sequence included."""
    ids = torch.tensor([probe["given"]])
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=len(probe["target"]),
        eos_token_id=work["endOfSequence"],
        pad_token_id=work["endOfSequence"],
    )
    return output[0, ids.shape[1] :].tolist() == probe["target"]


def timed(function, items):
    started = time.perf_counter()
    with torch.inference_mode():
        results = [function(item) for item in items]
    return time.perf_counter() - started, results


with torch.inference_mode():
    score(work["sequences"][0])
    answers_right(work["probes"][0])
print(json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__}}), flush=True)
for _line in sys.stdin:
    search, _ = timed(score, work["sequences"])
    probing, right = timed(answers_right, work["probes"])
    # `seconds` are those of search and of probing; `losses` carries the verdicts, to compare both sides.
    times = {
        "seconds": [search, probing],
        "cpuSeconds": [],
        "losses": [int(verdict) for verdict in right],
        "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(times), flush=True)
