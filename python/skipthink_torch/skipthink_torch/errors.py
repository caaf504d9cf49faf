"""Errors for people, and who speaks when several ranks fail: each leaves a note, the first one that is a cause is shown."""

import json
import os
import sys
import time
import traceback
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


class WorkerError(Exception):
    """A fault that a person can mend."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


def is_consequence(error: BaseException) -> bool:
    """True for the errors of ranks that only notice that another rank is gone."""
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in text for part in _CONNECTION_LOST)


def describe(error: BaseException) -> dict[str, object]:
    """The error as a JSON object: message, remedy, where it came from."""
    remedy = getattr(error, "remedy", None)
    message = str(error) or type(error).__name__
    # torch.OutOfMemoryError on GPUs, RuntimeError of the CPU allocator.
    if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in message:
        message = f"out of memory: {message.splitlines()[0]}"
        remedy = "Lower train.tokensPerBatch, switch torch.gradientCheckpointing on, or shard with torch.sharding=fsdp."
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
    """Writes `error-rank-<r>.json` into the folder; prints the error unless it is only the consequence of another one."""
    note = describe(error)
    if folder is not None:
        try:
            (folder / f"error-rank-{note['rank']}.json").write_text(json.dumps(note), "utf-8")
        except OSError as reason:
            print(f"the error could not be written to {folder}: {reason}", file=sys.stderr)
    if note["consequence"]:
        print(f"rank {note['rank']}: another rank is gone", file=sys.stderr)
    else:
        print(f"rank {note['rank']}: {note['message']}", file=sys.stderr)
        if note["remedy"]:
            print(str(note["remedy"]), file=sys.stderr)
        if not isinstance(error, WorkerError):
            print(note["trace"], file=sys.stderr)
    sys.stderr.flush()
    return note


def clear_notes(folder: Path) -> None:
    """Removes the notes of an earlier start."""
    for path in folder.glob("error-rank-*.json"):
        path.unlink(missing_ok=True)
