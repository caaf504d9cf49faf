"""
Files of a student: model folders and training states, in the layout of the embedded engine. Tensors are gathered and written
one by one, so rank 0 needs memory for one of them; a state has no trace of how many ranks wrote it.
"""

import errno
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import safe_open
from torch.distributed.tensor import DTensor, distribute_tensor

from .errors import WorkerError
from .lora import LoraPlan, merged
from .student import config_of
from .training import Runner

STATE_FILE = "training-state.safetensors"
_MOMENTS = {".m": "exp_avg", ".v": "exp_avg_sq"}


def save_state(runner: Runner, folder: Path) -> None:
    """Writes the weights that are trained, moments and the step number. Called by all ranks; rank 0 writes."""
    entries = [(name, parameter, "") for name, parameter in runner.trained.items()]
    entries += [(f"{name}{s}", p, s) for s in _MOMENTS for name, p in runner.trained.items()]
    state = runner.optimizer.state

    def value(parameter: torch.Tensor, suffix: str) -> torch.Tensor:
        if suffix == "":
            return parameter
        moments = state.get(parameter, {})
        found = moments.get(_MOMENTS[suffix])
        return torch.zeros_like(parameter) if found is None else found

    write_tensors(
        folder / STATE_FILE,
        [(name, tuple(p.shape), partial(value, p, s)) for name, p, s in entries],
        {"step": str(runner.steps)},
        runner.ranks.is_first,
    )


def load_state(runner: Runner, folder: Path) -> None:
    """Reads what save_state wrote, with whatever number of ranks; a refusal leaves the student as it was."""
    path = folder / STATE_FILE
    if not path.is_file():
        raise WorkerError(f"{path} is missing")
    with safe_open(path, "pt") as file:
        step = (file.metadata() or {}).get("step", "")
        if not step.isdigit():
            raise WorkerError(f"{path} does not say its step")
        names = set(file.keys())
        for name, parameter in runner.trained.items():
            for key in (name, *(name + suffix for suffix in _MOMENTS)):
                if key not in names:
                    raise WorkerError(
                        f"the checkpoint {path} is of another student: it has no tensor {key!r}"
                    )
                shape = tuple(file.get_slice(key).get_shape())
                if shape != tuple(parameter.shape):
                    raise WorkerError(
                        f"the checkpoint {path} is of another student: {key!r} is {list(shape)}, not {list(parameter.shape)}"
                    )
        for name, parameter in runner.trained.items():
            with torch.no_grad():
                parameter.copy_(_as(parameter, file.get_tensor(name)))
            runner.optimizer.state[parameter] = {
                "step": torch.tensor(float(step), device=runner.ranks.device),
                **{key: _as(parameter, file.get_tensor(name + suffix)) for suffix, key in _MOMENTS.items()},
            }
        runner.steps = int(step)


def _as(like: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
    """A whole tensor, laid out as another one is."""
    full = full.to(device=like.device, dtype=like.dtype)
    if isinstance(like, DTensor):
        # Every rank has read the whole tensor and keeps its part.
        return distribute_tensor(full, like.device_mesh, like.placements, src_data_rank=None)
    return full.clone()


def save_model(runner: Runner, folder: Path, keep_generation_config: bool = False) -> None:
    """
    Writes a model folder in Hugging Face layout; config.json takes its place last. With LoRA the adapters are merged in, and
    lie in `adapter/` by themselves, as PEFT writes them. Called by all ranks.

    keep_generation_config: one that is in the folder stays, instead of that of the model that the training began with
    """
    weights = folder / "model.safetensors"
    lora = runner.student.lora
    names = [name for name in runner.parameters if lora is None or name not in runner.trained]

    def whole(name: str) -> torch.Tensor:
        return _gathered(runner.parameters[name])

    def value(name: str) -> torch.Tensor:
        return whole(name) if lora is None else merged(lora, name, whole)

    write_tensors(
        weights,
        [(name, tuple(runner.parameters[name].shape), partial(value, name)) for name in names],
        {"format": "pt"},
        runner.ranks.is_first,
    )
    if runner.ranks.is_first:
        for other in folder.glob("model*.safetensors*"):
            if other != weights:
                other.unlink()
        generation = runner.student.folder / "generation_config.json"
        kept = keep_generation_config and (folder / generation.name).is_file()
        if generation.is_file() and not kept:
            write_text(folder / generation.name, generation.read_text("utf-8"))
        write_text(folder / "config.json", json.dumps(config_of(runner.student), indent=2) + "\n")
    if lora is not None:
        _save_adapter(runner, lora, folder / "adapter")


def _save_adapter(runner: Runner, lora: LoraPlan, folder: Path) -> None:
    """What PeftModel.from_pretrained puts on the base model; adapter_config.json comes last."""
    write_tensors(
        folder / "adapter_model.safetensors",
        [(f"base_model.model.{name}", tuple(p.shape), p.detach) for name, p in runner.trained.items()],
        {"format": "pt"},
        runner.ranks.is_first,
    )
    if runner.ranks.is_first:
        text = json.dumps(lora.config, indent=2, ensure_ascii=False)
        write_text(folder / "adapter_config.json", text + "\n")


def _gathered(tensor: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor that may be sharded; takes all ranks."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def write_tensors(
    path: Path,
    tensors: Iterable[tuple[str, tuple[int, ...], Callable[[], torch.Tensor]]],
    metadata: dict[str, str],
    is_writer: bool,
) -> None:
    """A float32 safetensors file, atomically. Every rank calls it, because gathering a sharded tensor takes them all."""
    entries = list(tensors)
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, shape, _ in entries:
        begin, end = end, end + 4 * torch.Size(shape).numel()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with _staged(path) if is_writer else nullcontext() as file:
        if file is not None:
            file.write(struct.pack("<Q", len(text)) + text)
        for _, _, get in entries:
            tensor = _gathered(get())
            if file is not None:
                # Not by numpy's tofile, whose errors do not say that the disk is full.
                array = tensor.float().cpu().contiguous().numpy()
                file.write(array.reshape(-1).view("u1").data)


def write_text(path: Path, text: str) -> None:
    """A text file, atomically."""
    with _staged(path) as file:
        file.write(text.encode("utf-8"))


@contextmanager
def _staged(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place once it is whole and on the disk."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(staged, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, path)
        finally:
            staged.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses is told with the name of the file that was to be written."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "Free some disk space and run the command again; a run goes on with --resume."
            if is_full
            else None
        )
        raise WorkerError(f"{path} cannot be written: {error.strerror or error}", remedy) from error
