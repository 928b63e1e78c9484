"""The weights inside a checkpoint, put into the module that the user's code builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcompile.errors import SourceError
from mcompile.frontend.modules import build
from mcompile.frontend.options import CaptureOptions

if TYPE_CHECKING:
    import torch

NESTS = ("state_dict", "model_state_dict", "model", "ema", "net")
"""Keys under which training scripts put the weights, in the order they are tried."""

_WRAPPERS = ("module.", "_orig_mod.")
_SHOWN = 4


def fill(loaded: object, options: CaptureOptions, label: str) -> torch.nn.Module:
    """The module `--arch` builds, with the checkpoint's weights in it; every key must fit."""
    weights = state_dict(loaded, label)
    if not options.arch:
        raise SourceError(
            "this file holds weights alone, and they need the code of their model",
            where=f"{label}, {len(weights)} tensors: {_some(list(weights))}",
            fix="--arch MODULE:CALLABLE, the class or function that builds the nn.Module",
        )
    module = build(options.arch, options.arch_args)
    _check(module, weights, options.arch, label)
    # Counters that old checkpoints lack are the only keys that may still be missing.
    module.load_state_dict(dict(weights), strict=False)
    return module


def state_dict(loaded: object, label: str) -> Mapping[str, torch.Tensor]:
    """The mapping of names to tensors in a checkpoint, without the prefixes of wrappers."""
    found = _nested(loaded)
    if not found:
        kind = type(loaded).__name__
        keys = f" with {_some([str(k) for k in loaded])}" if isinstance(loaded, Mapping) else ""
        raise SourceError(
            "this file holds no weights",
            where=f"{label}, a {kind}{keys}",
            fix="torch.save(model.state_dict(), 'weights.pt')",
        )
    for prefix in _WRAPPERS:
        if all(k.startswith(prefix) for k in found):
            found = {k[len(prefix) :]: v for k, v in found.items()}
    return found


def _nested(loaded: object) -> Mapping[str, Any]:
    import torch

    if not isinstance(loaded, Mapping):
        return {}
    for key in NESTS:
        inner = _nested(loaded.get(key))
        if inner:
            return inner
    tensors = {k: v for k, v in loaded.items() if isinstance(v, torch.Tensor)}
    extra = {k: v for k, v in loaded.items() if str(k).endswith("_extra_state")}
    return {**tensors, **extra} if tensors else {}


def _check(
    module: torch.nn.Module, weights: Mapping[str, torch.Tensor], arch: str, label: str
) -> None:
    own = module.state_dict()
    faults = {
        "missing": [k for k in own if k not in weights and not k.endswith("num_batches_tracked")],
        "unexpected": [k for k in weights if k not in own],
        "of another shape": [
            f"{k} {_shape(weights[k])} for {_shape(own[k])}"
            for k in own
            if k in weights and _shape(own[k]) != _shape(weights[k])
        ],
    }
    told = [f"{len(v)} {k}: {_some(v)}" for k, v in faults.items() if v]
    if told:
        raise SourceError(
            "the weights do not fit the model",
            where=f"{label} in {arch}; {'; '.join(told)}",
            fix="the --arch (or --arch-args, such as a number of classes) they were trained with",
        )


def _shape(value: object) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
