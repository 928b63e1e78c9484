"""Python code named by the user that builds a model: `MODULE:CALLABLE`."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcompile.errors import SourceError
from mcompile.frontend.runtime import first_line, quiet, require_torch

if TYPE_CHECKING:
    import torch


def build(reference: str, arguments: Mapping[str, object]) -> torch.nn.Module:
    """The `nn.Module` that `MODULE:CALLABLE` returns for the keyword arguments.

    The module is looked for on `sys.path` and then in the working directory. Random weights are
    the same at every call. Raises `SourceError` for whatever goes wrong in the user's code.
    """
    require_torch()
    import torch

    module, colon, name = reference.partition(":")
    if not (module and colon and name):
        raise SourceError(
            "the code that builds a model is named MODULE:CALLABLE",
            where=reference,
            fix="for instance torchvision.models:resnet18",
        )
    with quiet(), _working_directory(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = _call(_attribute(_import(module, reference), name, reference), reference, arguments)
    if not isinstance(made, torch.nn.Module):
        raise SourceError(
            f"{name} returned {_kind(made)}, not an nn.Module",
            where=reference,
            fix="name a class derived from nn.Module, or a function that returns a model",
        )
    return made


def _import(module: str, reference: str) -> Any:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        own = module == missing or module.startswith(f"{missing}.")
        raise SourceError(
            f"there is no module {missing}" if own else f"{module} needs {missing}",
            where=reference,
            fix="run in the folder that holds it, set PYTHONPATH, or install its package",
        ) from error
    except (Exception, SystemExit) as error:
        raise _failed(f"{module} cannot be imported", reference, error) from error


def _attribute(module: Any, name: str, reference: str) -> Any:
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            public = [n for n, v in vars(module).items() if callable(v) and n[0] != "_"]
            raise SourceError(
                f"{module.__name__} has no {name}",
                where=reference,
                fix=f"one of {', '.join(public[:6])}" if public else "another module",
            )
        found = getattr(found, part)
    return found


def _call(found: Any, reference: str, arguments: Mapping[str, object]) -> Any:
    import torch

    if isinstance(found, torch.nn.Module) and not arguments:
        return found
    if not callable(found):
        raise SourceError(
            f"{reference.partition(':')[2]} is {_kind(found)}, not something to call",
            where=reference,
            fix="name a class derived from nn.Module, or a function that returns a model",
        )
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


@contextlib.contextmanager
def _working_directory() -> Iterator[None]:
    """Find modules in the working directory too, last, so that none shadows an installed one."""
    folder = os.getcwd()
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.reverse()
        sys.path.remove(folder)
        sys.path.reverse()
