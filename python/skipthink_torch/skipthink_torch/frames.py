"""
Messages over a stream socket: a length, a JSON object, and the arrays that it names.

    uint32 JSON bytes | uint64 array bytes | JSON | arrays

`arrays` of the JSON lists [name, type, length] in the order of the data, little-endian. Figures that may be NaN or infinite
travel as arrays, since JSON has no such numbers. src/engine/torch/frames.ts is the other end.
"""

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_TYPES = {"int32": "<i4", "float32": "<f4", "float64": "<f8", "uint8": "u1"}
_HEADER = struct.Struct("<IQ")


def send(
    connection: socket.socket, message: Mapping[str, Any], arrays: Mapping[str, Array] | None = None
) -> None:
    """Sends one message."""
    parts, listed = [], []
    for name, array in (arrays or {}).items():
        kind = array.dtype.name
        parts.append(np.ascontiguousarray(array, _TYPES[kind]).tobytes())
        listed.append([name, kind, array.size])
    text = json.dumps({**message, "arrays": listed}, allow_nan=False).encode()
    data = b"".join(parts)
    connection.sendall(_HEADER.pack(len(text), len(data)) + text + data)


def receive(connection: socket.socket) -> tuple[dict[str, Any], dict[str, Array]] | None:
    """The next message; None when the other end has gone."""
    header = _exactly(connection, _HEADER.size)
    if header is None:
        return None
    text_bytes, data_bytes = _HEADER.unpack(header)
    text, data = _exactly(connection, text_bytes), _exactly(connection, data_bytes)
    if text is None or data is None:
        return None
    message: dict[str, Any] = json.loads(text)
    arrays: dict[str, Array] = {}
    at = 0
    for name, kind, length in message.pop("arrays", []):
        dtype = np.dtype(_TYPES[kind])
        arrays[name] = np.frombuffer(data, dtype, length, at)
        at += length * dtype.itemsize
    return message, arrays


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    buffer = bytearray(count)
    view = memoryview(buffer)
    done = 0
    while done < count:
        received = connection.recv_into(view[done:], min(count - done, 1 << 20))
        if received == 0:
            return None
        done += received
    return bytes(buffer)
