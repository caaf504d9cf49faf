"""transformers' side of bench/generation.ts: `generate` as its users write it, prompts padded on the left, SDPA, no gradients.

argv: model folder, file of prompts, threads. One JSON line in, one out.
"""

import json
import resource
import sys
import time

folder, prompt_file, threads = sys.argv[1:4]
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
with open(prompt_file, encoding="utf-8") as file:
    data = json.load(file)
longest = max(map(len, data["prompts"]))
ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in data["prompts"]])
mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in data["prompts"]])
print(json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__}}), flush=True)

for line in sys.stdin:
    # `losses` carries the tokens written, row by row, to compare both sides.
    times = {"seconds": [], "cpuSeconds": [], "losses": [], "peakMegabytes": 0}
    for _ in range(json.loads(line)["steps"]):
        started = time.perf_counter()
        with torch.inference_mode():
            output = model.generate(
                ids,
                attention_mask=mask,
                do_sample=False,
                max_new_tokens=data["newTokens"],
                eos_token_id=None,
                pad_token_id=0,
            )
        times["seconds"].append(time.perf_counter() - started)
        times["losses"] = output[:, longest:].flatten().tolist()
    times["peakMegabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(times), flush=True)
