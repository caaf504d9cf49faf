"""What is told of a failure, and what helps."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from safetensors.torch import load_file, save_file

from skipthink_torch import frames, serve
from skipthink_torch.errors import WorkerError, clear_notes, describe, is_consequence, leave_note
from skipthink_torch.ranks import Ranks
from skipthink_torch.state import write_tensors, write_text
from skipthink_torch.student import load_student


def test_a_lost_connection_is_no_cause() -> None:
    assert is_consequence(RuntimeError("[gloo] Connection closed by peer [127.0.0.1]:123"))
    assert not is_consequence(WorkerError("connection closed"))
    assert describe(KeyError("x"))["message"] == "KeyError: 'x'"


def test_a_machine_that_cannot_compile_is_told_what_it_lacks(tmp_path: Path, capsys: Any) -> None:
    no_compiler = type("InvalidCxxCompiler", (RuntimeError,), {"__module__": "torch._inductor.exc"})
    leave_note(no_compiler("No working C++ compiler found\nmore of it"), tmp_path)
    shown = capsys.readouterr().err
    assert shown.startswith("rank 0: torch.compile failed: No working C++ compiler found\n")
    assert "torch.compile=false" in shown and "Traceback" not in shown


def too_large() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError(), too_large()],
)
def test_out_of_memory_is_told_once_with_a_remedy(
    error: BaseException, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = tmp_path / "torchrun.json"
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(launcher))
        leave_note(error, tmp_path)
        if rank == "1":
            first = json.loads(launcher.read_text("utf-8"))
    second = json.loads(launcher.read_text("utf-8"))
    shown = capsys.readouterr().err
    assert shown.startswith("rank 1: out of memory: ")
    assert shown.count("gradientCheckpointing") == 1 and shown.endswith("rank 0: failed too\n")
    assert "Traceback" not in shown
    assert first["message"].startswith("out of memory") and second["timestamp"] > first["timestamp"]
    clear_notes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["torchrun.json"]


@pytest.mark.parametrize(
    ("operation", "remedy"),
    [("train", "train.tokensPerBatch"), ("score", "twice"), ("generate", "evaluate.batchSize")],
)
def test_out_of_memory_names_what_helps_there(
    operation: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(socket, "socket", MagicMock())
    monkeypatch.setattr(serve, "_Worker", lambda *_: SimpleNamespace(handle=full))
    monkeypatch.setattr(frames, "receive", lambda _: ({"operation": operation}, {}))
    told: list[Any] = []
    monkeypatch.setattr(frames, "send", lambda _connection, message: told.append(message["error"]))
    with pytest.raises(torch.OutOfMemoryError) as caught:
        serve.serve(Ranks(0, 1, torch.device("cpu")), "address")
    assert remedy in told[0]["remedy"] and describe(caught.value)["remedy"] == told[0]["remedy"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    def text(path: Path) -> None:
        write_text(path, "0" * 100_000)

    def tensors(path: Path) -> None:
        write_tensors(
            path, [("w", (9000,), lambda: torch.zeros(9000)), ("b", (0,), lambda: torch.zeros(0))], {}, True
        )

    for write in (text, tensors):
        path = tmp_path / write.__name__
        (tmp_path / f".{path.name}.{os.getpid()}.part").symlink_to("/dev/full")
        with pytest.raises(WorkerError, match=f"{path} cannot be written: No space left") as caught:
            write(path)
        assert caught.value.remedy is not None and caught.value.remedy.startswith("Free some disk space")
        assert list(tmp_path.iterdir()) == []
        write(path)
        assert [one.name for one in tmp_path.iterdir()] == [path.name]
        path.unlink()


def changed(model_folder: Path, tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """A copy of the model with other tensors."""
    folder = tmp_path / "changed"
    shutil.copytree(model_folder, folder)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_weights_that_are_no_numbers_are_refused(model_folder: Path, tmp_path: Path) -> None:
    name = "transformer.h.1.mlp.c_fc.bias"
    folder = changed(model_folder, tmp_path, lambda tensors: tensors[name].__setitem__(2, torch.nan))
    with pytest.raises(WorkerError, match=f"tensor '{name}' of .* holds nan .value 3 of 128") as caught:
        load_student(folder)
    assert caught.value.remedy


def test_a_layer_that_the_configuration_does_not_know_is_refused(model_folder: Path, tmp_path: Path) -> None:
    name = "transformer.h.7.ln_1.weight"
    folder = changed(model_folder, tmp_path, lambda tensors: tensors.update({name: torch.ones(32)}))
    with pytest.raises(WorkerError, match=f"holds the tensor '{name}'") as caught:
        load_student(folder)
    assert caught.value.remedy


# The head of a classifier; masks that old files keep beside the weights.
@pytest.mark.parametrize(
    "name", ["score.weight", "transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"]
)
def test_what_does_not_change_the_student_is_passed_over(
    name: str, model_folder: Path, tmp_path: Path
) -> None:
    load_student(changed(model_folder, tmp_path, lambda tensors: tensors.update({name: torch.ones(2, 32)})))
