"""Errors for people, and who speaks when several ranks fail: each leaves a note, the first one that is a cause is shown."""

import json
import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

# What a rank says when another one has gone away; never the cause.
_CONNECTION_LOST = (
    "connection closed",
    "connection reset",
    "connection refused",
    "broken pipe",
    "timed out waiting",
    "remote process exited",
    "ncclremoteerror",
    "application timeout caused pair closure",
    "recvvalue failed",
    "socket closed",
)

_FIRST = "error-first"

# What takes less memory, by what ran out of it.
MEMORY_REMEDIES = {
    "train": "Lower train.tokensPerBatch, switch torch.gradientCheckpointing on, or shard with torch.sharding=fsdp.",
    "score": "Shard with torch.sharding=fsdp, or lower train.tokensPerBatch, twice which is scored at once (it trains anew).",
    "generate": "Lower evaluate.batchSize, or shard with torch.sharding=fsdp.",
}


class WorkerError(Exception):
    """A fault that a person can mend."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


def is_consequence(error: BaseException) -> bool:
    """True for the errors of ranks that only notice that another rank is gone."""
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in text for part in _CONNECTION_LOST)


def is_out_of_memory(error: BaseException) -> bool:
    """torch.OutOfMemoryError on GPUs, a RuntimeError of the CPU allocator, and Python's own."""
    is_named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_named or "can't allocate memory" in str(error)


def is_compiling(error: BaseException) -> bool:
    """True for what torch.compile says of a machine where it cannot work."""
    return type(error).__module__.startswith(("torch._inductor", "torch._dynamo"))


def describe(error: BaseException) -> dict[str, object]:
    """The error as a JSON object: message, remedy, where it came from."""
    remedy = getattr(error, "remedy", None)
    message = str(error) or type(error).__name__
    if is_out_of_memory(error):
        message = f"out of memory: {message.splitlines()[0]}"
        remedy = remedy or MEMORY_REMEDIES["train"]
    elif is_compiling(error):
        message = f"torch.compile failed: {message.splitlines()[0]}"
        remedy = "Set torch.compile=false, or install what it needs: a C++ compiler on CPUs, Triton on GPUs."
    elif not isinstance(error, WorkerError):
        message = f"{type(error).__name__}: {message.splitlines()[0]}"
    trace = traceback.format_exception(error)
    return {
        "rank": int(os.environ.get("RANK", "0")),
        "time": time.time(),
        "message": message[:2000],
        "remedy": remedy,
        "consequence": is_consequence(error),
        "trace": "".join(trace)[-8000:],
    }


def leave_note(error: BaseException, folder: Path | None) -> dict[str, object]:
    """
    Writes `error-rank-<r>.json` into the folder, tells torchrun, and prints the error if it is the first one that is a cause.
    The traceback of a fault that nobody foresaw is printed with it, once.
    """
    note = describe(error)
    is_first = not note["consequence"]
    if folder is not None:
        try:
            (folder / f"error-rank-{note['rank']}.json").write_text(json.dumps(note), "utf-8")
            is_first = is_first and _is_first_cause(folder)
        except OSError as reason:
            print(f"the error could not be written to {folder}: {reason}", file=sys.stderr)
    message = str(note["message"])
    if not is_first:
        message = "another rank is gone" if note["consequence"] else "failed too"
    _tell_launcher(message, float(str(note["time"])), is_first)
    print(f"rank {note['rank']}: {message}", file=sys.stderr)
    if is_first:
        if note["remedy"]:
            print(str(note["remedy"]), file=sys.stderr)
        elif not isinstance(error, WorkerError):
            print(note["trace"], file=sys.stderr)
    sys.stderr.flush()
    return note


def _is_first_cause(folder: Path) -> bool:
    """True for one of the ranks that see the folder, however many fail at the same moment."""
    try:
        (folder / _FIRST).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _tell_launcher(message: str, moment: float, is_first: bool) -> None:
    """The file that torchrun reads the message of its "Root Cause" from: that of the earliest failure."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not path:
        return
    # torchrun counts whole seconds, and what came of the first failure must never be the earliest.
    told = {"message": message, "timestamp": int(moment) + (0 if is_first else 1)}
    # Without the file torchrun says less, and nothing else is lost.
    with suppress(OSError):
        Path(path).write_text(json.dumps(told), "utf-8")


def clear_notes(folder: Path) -> None:
    """Removes the notes of an earlier start."""
    for path in [*folder.glob("error-rank-*.json"), folder / _FIRST]:
        path.unlink(missing_ok=True)
