"""
Reads a job folder step by step, as training does without the computing, and says how much memory that takes: once in the
order of the plan, once with the steps shuffled, as later epochs find their items.

    python bench/gpu/read_job.py FOLDER

Resident memory includes the mapped pages of the job, anonymous memory does not. Seconds of the processor are what the work
takes on a machine that others use too.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python" / "skipthink_torch"))
from skipthink_torch.job import Job


def megabytes() -> tuple[float, float]:
    """Resident and anonymous memory of this process."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    if "RssAnon" not in found:
        raise SystemExit("this system does not say what memory is anonymous")
    return int(found["VmRSS"].split()[0]) / 1024, int(found["RssAnon"].split()[0]) / 1024


job = Job(Path(sys.argv[1]))
before = peak = megabytes()
orders = {"inOrder": np.arange(len(job)), "shuffled": np.random.default_rng(1).permutation(len(job))}
for order, indices in orders.items():
    tokens, began, processor = 0, time.perf_counter(), time.process_time()
    for count, index in enumerate(indices):
        step = job.step(int(index))
        tokens += sum(one.length for micro in step.micro_batches for one in micro)
        if count % 25 == 0:
            now = megabytes()
            peak = (max(peak[0], now[0]), max(peak[1], now[1]))
    found = {
        "order": order,
        "steps": len(job),
        "tokens": tokens,
        "readingSeconds": time.perf_counter() - began,
        "processorSeconds": time.process_time() - processor,
        "residentMegabytesBefore": before[0],
        "residentMegabytesPeak": peak[0],
        "anonymousMegabytesBefore": before[1],
        "anonymousMegabytesPeak": peak[1],
    }
    print(json.dumps(found))
