"""PyTorch as the frontend needs it: recent enough, quiet, and refusing to unpickle objects."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator

from mcompile.errors import SourceError

_OLDEST = (2, 6)
_FORCE, _NEVER = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def require_torch() -> None:
    """Raise `SourceError` unless a PyTorch is installed whose `weights_only` loader is sound.

    Before 2.6 it could be led to run code (CVE-2025-32434).
    """
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError as error:
        raise SourceError("this source needs PyTorch", fix="pip install 'torch>=2.6'") from error
    numbers = re.findall(r"\d+", version)
    if tuple(int(n) for n in numbers[:2]) < _OLDEST:
        raise SourceError(
            f"PyTorch {version} is too old to open models safely",
            where="the installed torch",
            fix="pip install 'torch>=2.6'",
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and library logs, and send what is printed to stderr."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)


@contextlib.contextmanager
def tensors_only(trusted: bool = False) -> Iterator[None]:
    """Make every `torch.load` in the block, PyTorch's own included, rebuild tensors only."""
    if trusted:
        yield
        return
    before = {k: os.environ.pop(k, None) for k in (_FORCE, _NEVER)}
    os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        os.environ.pop(_FORCE, None)
        os.environ.update({k: v for k, v in before.items() if v is not None})


def first_line(error: BaseException) -> str:
    """The first sentence of the innermost cause, without terminal colours or line breaks."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # A line that ends in a colon announces what the next one says.
    said = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    return (said or type(error).__name__)[:300]
