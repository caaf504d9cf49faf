"""A process that is of no use without the one that started it ends with it."""

import os
import threading
import time

_SECONDS = 1.0


def end_with_parent() -> None:
    """
    Watches the parent: a launcher may be killed without a chance to end its ranks, which are no part of its process group and
    would keep the GPUs. The watch goes on while the process waits for a rank that may never answer.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)
