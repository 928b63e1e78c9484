"""Python code named by the user that builds a model: `MODULE:CALLABLE`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcompile.errors import SourceError
from mcompile.frontend.runtime import first_line, quiet, require_torch
from mcompile.names import reachable, resolve

if TYPE_CHECKING:
    import torch


def build(reference: str, arguments: Mapping[str, object]) -> torch.nn.Module:
    """The `nn.Module` that `MODULE:CALLABLE` returns for the keyword arguments.

    The module is looked for on `sys.path` and then in the working directory. Random weights are
    the same at every call. Raises `SourceError` for whatever goes wrong in the user's code.
    """
    require_torch()
    import torch

    here = Path.cwd()
    with quiet(), reachable(here), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = _call(resolve(reference, SourceError, here), reference, arguments)
    if not isinstance(made, torch.nn.Module):
        raise SourceError(
            f"{reference.partition(':')[2]} returned {_kind(made)}, not an nn.Module",
            where=reference,
            fix="name a class derived from nn.Module, or a function that returns a model",
        )
    return made


def _call(found: Any, reference: str, arguments: Mapping[str, object]) -> Any:
    import torch

    if isinstance(found, torch.nn.Module) and not arguments:
        return found
    try:
        return found(**arguments)
    except TypeError as error:
        raise _failed("it does not take these arguments", reference, error) from error
    except (Exception, SystemExit) as error:
        raise _failed("building the model failed", reference, error) from error


def _failed(what: str, reference: str, error: BaseException) -> SourceError:
    return SourceError(
        f"{what}: {type(error).__name__}: {first_line(error)}",
        where=reference,
        fix="call it in Python with the same --arch-args (a JSON object of keyword arguments)",
    )


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
