"""
Runs a job folder, or serves skipthink's requests.

    torchrun --nproc-per-node 8 -m skipthink_torch JOB_FOLDER
    python -m skipthink_torch --check
"""

import argparse
import json
import logging
import os
import platform
import sys
from pathlib import Path


def check() -> None:
    """Prints versions and devices as one JSON object."""
    import peft
    import torch
    import transformers

    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    found = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "gpus": devices,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(found))


def main() -> int:
    parser = argparse.ArgumentParser(prog="skipthink_torch", description=__doc__.strip().splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, help="job folder that skipthink train --job-only has written"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--check", action="store_true", help="print versions and devices as JSON")
    parser.add_argument(
        "--serve", metavar="SOCKET", help="serve the requests of the skipthink process behind a socket"
    )
    parser.add_argument("--follow", action="store_true", help="a further node of a worker that serves")
    parser.add_argument("--notes", type=Path, help="folder for the error notes of ranks that fail")
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads of each process; 0: PyTorch's choice"
    )
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return 0
    if (arguments.folder is None) == (not arguments.serve and not arguments.follow):
        parser.error("give a job folder")

    # Heavy imports come after the arguments are known to be right.
    from .errors import clear_notes, leave_note
    from .parent import end_with_parent

    if arguments.folder is None:
        end_with_parent()

    notes: Path | None = arguments.notes or arguments.folder
    if notes is not None and not notes.is_dir():
        parser.error(f"{notes} is no folder")
    if notes is not None and os.environ.get("RANK", "0") == "0":
        clear_notes(notes)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    ranks = None
    try:
        import torch
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        from .ranks import Ranks
        from .run_job import run_job
        from .serve import serve

        if arguments.threads > 0:
            torch.set_num_threads(arguments.threads)
        ranks = Ranks.join(arguments.device)
        if arguments.folder is not None:
            status = run_job(arguments.folder, ranks)
        else:
            serve(ranks, arguments.serve)
            status = 0
        ranks.leave()
        return status
    except Exception as error:
        leave_note(error, notes)
        # Waiting for the other ranks here could hang: the launcher ends them.
        sys.stdout.flush()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
