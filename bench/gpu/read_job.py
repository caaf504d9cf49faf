"""
Reads a job folder step by step, as training does without the computing, and says how much memory that takes.

    python bench/gpu/read_job.py FOLDER

Anonymous memory is what the process itself holds; mapped pages belong to the system's cache, which takes them back.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python" / "skipthink_torch"))
from skipthink_torch.job import Job


def anonymous_megabytes() -> float:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not say what memory is anonymous")


job = Job(Path(sys.argv[1]))
before = peak = anonymous_megabytes()
tokens, began = 0, time.perf_counter()
for index in range(len(job)):
    step = job.step(index)
    tokens += sum(one.length for micro in step.micro_batches for one in micro)
    if index % 1000 == 0:
        peak = max(peak, anonymous_megabytes())
seconds = time.perf_counter() - began
print(
    json.dumps(
        {
            "steps": len(job),
            "tokens": tokens,
            "readingSeconds": seconds,
            "tokensPerSecond": tokens / seconds,
            "anonymousMegabytesBefore": before,
            "anonymousMegabytesPeak": peak,
        }
    )
)
