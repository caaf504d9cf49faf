"""
Job folders: what is to be trained, decided and written by skipthink, read here through memory maps.

    job.json              format, settings, and type and length of each array
    model/                the student to start from, Hugging Face layout
    student/              files that belong to the finished student (tokenizer, generation_config.json, skipthink.json); its
                          weights are written here
    <array>.bin           little-endian arrays (offsets as float64, which is exact up to 2^53):
      tokens              the tokens of every item, one after the other: prompt, context, target
      items               where each item begins, and the end                          [items + 1]
      prompts, contexts   how many of its tokens are prompt and context                [items]
      sequences           the item of every sequence of the plan                       [sequences]
      weights             its share of the loss of its step                            [sequences]
      microBatches        first sequence of every micro-batch, and the end             [micro-batches + 1]
      steps               first micro-batch of every optimizer step, and the end       [steps + 1]
      learningRates, epochs, stages   of every step; stage −1: answer, 0: mixed        [steps]
      noise               (where the vocabulary grows) normal draws for the new rows
      adapters            (with LoRA) first values of the adapters' matrices A, in the order of job.json's `lora`

An item that comes back in every epoch is stored once; the plan names it. src/engine/torch/job-writer.ts writes all this.
"""

import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .batch import TokenSequence
from .errors import WorkerError

_TYPES = {"uint16": "<u2", "int32": "<i4", "float32": "<f4", "float64": "<f8"}
_ARRAYS = (
    "tokens",
    "items",
    "prompts",
    "contexts",
    "sequences",
    "weights",
    "microBatches",
    "steps",
    "learningRates",
    "epochs",
    "stages",
)
_FORMAT = 1


@dataclass(frozen=True)
class PlannedStep:
    """One optimizer step of the plan."""

    micro_batches: list[list[TokenSequence]]
    learning_rate: float
    epoch: int
    stage: str


# Mapped pages are given back after this many sequences. A page fault maps 64 KiB or more, so this bounds what is held; it is
# rare enough to cost little.
_SEQUENCES_PER_RELEASE = 128


class Job:
    """A job folder. Only the pages of the latest sequences are in the process's memory, whatever the size of the job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "job.json"
        if not path.is_file():
            raise WorkerError(
                f"{folder} is no job folder: it has no job.json",
                "Write one with: skipthink train RUN --engine torch --job-only DIR",
            )
        try:
            self.settings: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise WorkerError(f"{path} is not valid JSON: {error}", "Write the job again.") from error
        if self.settings.get("format") != _FORMAT:
            raise WorkerError(
                f"{path} has format {self.settings.get('format')!r}, not {_FORMAT}",
                "Job and worker are of different versions of skipthink.",
            )
        arrays = {name: self._map(name) for name in _ARRAYS}
        self.tokens, self.items = arrays["tokens"], arrays["items"]
        self._arrays = arrays
        self._read = 0

    def _map(self, name: str) -> npt.NDArray[Any]:
        listed = self.settings.get("arrays", {}).get(name)
        path = self.folder / f"{name}.bin"
        if listed is None or listed.get("type") not in _TYPES:
            raise WorkerError(f"{self.folder / 'job.json'} does not describe the array {name!r}")
        dtype = np.dtype(_TYPES[listed["type"]])
        expected = listed["length"] * dtype.itemsize
        found = path.stat().st_size if path.is_file() else -1
        if found != expected:
            raise WorkerError(
                f"{path} has {max(found, 0)} bytes, not {expected}",
                "Copy the job folder again; it is not whole.",
            )
        if expected == 0:
            return np.zeros(0, dtype)
        return np.memmap(path, dtype, mode="r")

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def student(self) -> Path:
        return self.folder / "student"

    def noise(self) -> npt.NDArray[Any] | None:
        return self._map("noise") if "noise" in self.settings["arrays"] else None

    def adapters(self) -> npt.NDArray[Any] | None:
        return self._map("adapters") if "adapters" in self.settings["arrays"] else None

    def __len__(self) -> int:
        """Optimizer steps."""
        return max(0, len(self._arrays["steps"]) - 1)

    def step(self, index: int) -> PlannedStep:
        """Step `index`, 0-based. Its tokens are copied out of the map."""
        arrays = self._arrays
        first, last = int(arrays["steps"][index]), int(arrays["steps"][index + 1])
        micro_batches = [
            [
                self._sequence(s)
                for s in range(int(arrays["microBatches"][m]), int(arrays["microBatches"][m + 1]))
            ]
            for m in range(first, last)
        ]
        stage = int(arrays["stages"][index])
        planned = PlannedStep(
            micro_batches,
            float(arrays["learningRates"][index]),
            int(arrays["epochs"][index]),
            {-1: "answer", 0: "mixed"}.get(stage, str(stage)),
        )
        self._read += sum(len(micro) for micro in micro_batches)
        if self._read >= _SEQUENCES_PER_RELEASE:
            self._read = 0
            self._give_pages_back()
        return planned

    def _give_pages_back(self) -> None:
        """Mapped pages stay in the system's cache, but would count as the process's own until it ends."""
        for array in self._arrays.values():
            pages = getattr(array, "_mmap", None)
            if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
                pages.madvise(mmap.MADV_DONTNEED)

    def _sequence(self, index: int) -> TokenSequence:
        arrays = self._arrays
        item = int(arrays["sequences"][index])
        begin, end = int(self.items[item]), int(self.items[item + 1])
        tokens = np.asarray(self.tokens[begin:end], np.int64)
        prompt, context = int(arrays["prompts"][item]), int(arrays["contexts"][item])
        return TokenSequence(
            tokens[:prompt],
            tokens[prompt : prompt + context],
            tokens[prompt + context :],
            float(arrays["weights"][index]),
        )
