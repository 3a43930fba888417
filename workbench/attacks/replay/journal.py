"""The journal of a replay: every finished call, appended as it ends, so that a replay that was killed goes on where it stopped.

An entry is one call: its length, a CRC, a line of JSON that says what follows, and the arrays' bytes. An entry cut short by the
kill does not match its CRC and is dropped; the call it stood for is made again. What comes back is bit-identical.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.decisions import decision_texts
from workbench.digest import digest
from workbench.files import cannot_write, make_folder
from workbench.models.target import Prediction

WHOLE: Final = -1
"""The call number of an entry that holds all calls of a part."""
HEAD: Final = struct.Struct("<QI")


class Journal:
    """The finished calls of one target on one recording, in one way of calling.

    Parameters
    ----------
    folder
        Where journals are kept.
    key
        What the calls depend on: recording, target digest, way of calling. Another key is another file.
    """

    def __init__(self, folder: Path, key: object) -> None:
        self.path = make_folder(folder) / f"{digest(key).removeprefix('sha256:')[:24]}.journal"
        self._finished: dict[int, dict[int, Prediction]] = {}
        kept = self._read()
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.ftruncate(self._file, kept)
            os.lseek(self._file, kept, os.SEEK_SET)
        except OSError as exc:
            raise cannot_write(self.path, exc) from exc

    def finished(self, part: int) -> dict[int, Prediction]:
        """The calls of a part that were finished before, by their number in it; given out once, so that memory stays bounded."""
        return self._finished.pop(part, {})

    def keep(self, part: int, call: int, answered: Prediction) -> None:
        """Append one finished call; it survives the death of this process."""
        body = _encode(part, call, answered)
        try:
            os.write(self._file, HEAD.pack(len(body), zlib.crc32(body)) + body)
        except OSError as exc:
            raise cannot_write(self.path, exc) from exc

    def close(self) -> None:
        """Close the file; what is in it stays."""
        os.close(self._file)

    def remove(self) -> None:
        """Close and delete it: the replay is complete."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _read(self) -> int:
        """Take up the whole entries; how many bytes they are."""
        if not self.path.is_file():
            return 0
        data, at = self.path.read_bytes(), 0
        while at + HEAD.size <= len(data):
            length, checksum = HEAD.unpack_from(data, at)
            body = data[at + HEAD.size : at + HEAD.size + length]
            if len(body) < length or zlib.crc32(body) != checksum:
                break
            part, call, answered = _decode(body)
            self._finished.setdefault(part, {})[call] = answered
            at += HEAD.size + length
        return at


def _encode(part: int, call: int, answered: Prediction) -> bytes:
    decision, errors = answered.decision, answered.error
    plain = decision.dtype.kind in "biuf"
    said = {
        "part": part,
        "call": call,
        "rows": len(answered),
        "decision": decision.dtype.str if plain else decision_texts(decision).tolist(),
        "error": {at: errors[at] for at in np.flatnonzero(pd.notna(errors)).tolist()},
    }
    arrays = [answered.score.astype("<f8"), answered.latency.astype("<f8"), answered.abstained.astype("?")]
    head = json.dumps(said).encode() + b"\n"
    return b"".join([head, *(array.tobytes() for array in arrays), decision.tobytes() if plain else b""])


def _decode(body: bytes) -> tuple[int, int, Prediction]:
    end = body.index(b"\n")
    said, at = json.loads(body[:end]), end + 1
    rows, arrays = said["rows"], []
    plain = isinstance(said["decision"], str)
    for kind in ("<f8", "<f8", "?", *([said["decision"]] if plain else [])):
        arrays.append(np.frombuffer(body, dtype=kind, count=rows, offset=at).copy())
        at += arrays[-1].nbytes
    decision = arrays[3] if plain else np.array(said["decision"], dtype=object)
    error = np.full(rows, None, dtype=object)
    for place, text in said["error"].items():
        error[int(place)] = text
    return said["part"], said["call"], Prediction(decision, arrays[0], arrays[1], arrays[2], error)
