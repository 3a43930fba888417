"""Models in files. A pickle runs code when it is read: none is, unless the caller names the digest of the very bytes.

LightGBM's text format and skops hold no code and need no trust. What was hashed is what is read: the bytes in memory, not the
file once more.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from workbench.digest import digest_bytes
from workbench.errors import InputError, UnknownNameError
from workbench.models.booster import booster_target
from workbench.models.python import python_target
from workbench.models.target import Target
from workbench.registry import targets

PICKLES: Final = (".pkl", ".pickle", ".joblib", ".cloudpickle")
BOOSTERS: Final = (".txt", ".lgb")
SKOPS: Final = (".skops",)
DIGEST: Final = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


@targets.register("file")
def open_file(location: str, *, trust: Sequence[str] = (), name: str | None = None, production: bool = False) -> Target:
    """The model in the file `location` as a target.

    Parameters
    ----------
    trust
        Digests of files that may be unpickled.

    Raises
    ------
    InputError
        If it is of no known kind, or a pickle whose digest is not among those trusted.
    """
    path = Path(location)
    data = read_model(path)
    digest = digest_bytes(data)
    called = name or path.stem
    if path.suffix in BOOSTERS:
        return booster_target(load_booster(data, path), name=called, digest=digest, production=production)
    if path.suffix in SKOPS:
        return python_target(_load_skops(data, path), name=called, digest=digest, production=production)
    if path.suffix in PICKLES:
        return python_target(unpickle(data, path, trust), name=called, digest=digest, production=production)
    raise UnknownNameError("kind of model file", path.suffix or path.name, [*BOOSTERS, *SKOPS, *PICKLES])


def read_model(path: Path) -> bytes:
    """The bytes of a model file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError("a model file that cannot be read", path, "Give the path of a file.") from exc


def unpickle(data: bytes, path: Path, trust: Sequence[str]) -> Any:
    """The object that was pickled, by pickle, cloudpickle or joblib.

    Raises
    ------
    InputError
        If `trust` does not name the digest of `data`; nothing of it was read then.
    """
    digest = digest_bytes(data)
    for given in trust:
        if DIGEST.fullmatch(given) is None:
            raise InputError("not a digest", given, "Give the 64 hexadecimal digits of `sha256sum FILE`.")
    if digest.removeprefix("sha256:") not in {given.removeprefix("sha256:") for given in trust}:
        do = f"A pickle runs code. If you know where it comes from: --trust {digest.removeprefix('sha256:')}"
        raise InputError("a pickled model that nobody vouched for", path, do)
    import joblib

    try:
        return joblib.load(io.BytesIO(data))
    except Exception as exc:  # whatever a pickle raises while it runs
        raise InputError("a model file that cannot be unpickled", f"{path} ({type(exc).__name__})", "Write it anew.") from exc


def load_booster(data: bytes, path: Path) -> Any:
    """The LightGBM booster in text form.

    Raises
    ------
    InputError
        If LightGBM is not installed, or cannot read it.
    """
    try:
        import lightgbm
    except ImportError as exc:
        raise InputError("LightGBM is not installed", path, "pip install lightgbm") from exc
    try:
        return lightgbm.Booster(model_str=data.decode())
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as exc:
        raise InputError("not a LightGBM model in text form", path, "Write it with booster.save_model.") from exc


def _load_skops(data: bytes, path: Path) -> Any:
    try:
        import skops.io
    except ImportError as exc:
        raise InputError("skops is not installed", path, "pip install skops") from exc
    unknown = skops.io.get_untrusted_types(data=data)
    if unknown:
        raise InputError("a skops model with types of its own", ", ".join(unknown), "Give a model of scikit-learn's types only.")
    return skops.io.loads(data)
