"""What a name in a report, an error or a profile means: its own documentation."""

from __future__ import annotations

import inspect

from mcompile import errors, targets
from mcompile.errors import CompileError, UsageError
from mcompile.listing import described
from mcompile.talk import Talk
from mcompile.types import Precision
from mcompile.wording import nearest

_CHECKS = {
    "oracle_agreement": "The artifact's outputs are near those of the untouched model: SQNR in dB,"
    " or the share of equal elements where no output is a float; the floor depends on precision.",
    "golden_error": "`mcompile check` runs the inputs of golden.npz again: the largest error may be"
    " the tolerance kept beside them, as a share of the largest golden output; of integers, the"
    " share of elements that differ.",
    "int8_layers": "Of an engine that a kit built for INT8: how many of its layers compute in INT8,"
    " as TensorRT tells. None is a failure: the engine is a float one under another name.",
}


_PRECISIONS = {
    Precision.FP32: "Floats of 32 bits, as the model was trained.",
    Precision.FP16: "Floats of 16 bits; what real data would overflow stays wider.",
    Precision.BF16: "Floats of 16 bits with the range of 32-bit ones and fewer digits.",
    Precision.INT8: "Integers of 8 bits wherever the runtime gains by them. Their ranges come from"
    " data: --calibration SOURCE.",
    Precision.INT8_DYNAMIC: "Linear layers in integers of 8 bits, the ranges of what they read"
    " taken as it arrives: no calibration.",
    Precision.INT8_WEIGHTS: "Weights of linear layers and embeddings in 8 bits, a scale for each"
    " channel or row; floats are computed: no calibration.",
    Precision.INT4_WEIGHTS: "Weights of linear layers in 4 bits, a scale and zero point for each 32"
    " rows of a column; floats are computed: no calibration.",
    Precision.INT16X8: "Activations in 16 bits, weights in 8: where 8 bits are not precise enough."
    " Their ranges come from data: --calibration SOURCE.",
}
_SAID = {
    "native": "Kernels of its own",
    "emulated": "Computed in something wider",
    "falls_back": "Falls back to another precision, and says so",
    "illegal": "Refused",
}
_AUTO = "auto"
_CHOOSES = (
    "auto: --precision auto chooses\n\nEvery precision that the target has kernels for and that its"
    " data allow is built and measured; the best that keeps the budgets is handed over.\n"
    "--backend auto does the same with the runtimes of the profile."
)

_REPRODUCER = ("reproducer", "reproduce", "undone")


def explain(talk: Talk, name: str) -> int:
    """Print what the name means; raises `UsageError` with the nearest known names otherwise."""
    for look in (_target, _error, _precision, _budget, _check, _metric, _rule, _reproducer):
        if text := look(name):
            if talk.json:
                talk.document({"name": name, "text": text})
            else:
                talk.say(text)
            return 0
    raise UsageError(
        f"nothing here is called {name!r}", where="explain", fix=nearest(name, _known())
    )


def _target(name: str) -> str:
    return "\n".join(described(targets.load(name))) if name in targets.names() else ""


def _errors() -> dict[str, type[CompileError]]:
    kinds = (k for _, k in inspect.getmembers(errors, inspect.isclass))
    return {k.__name__: k for k in kinds if issubclass(k, CompileError) and k is not CompileError}


def _error(name: str) -> str:
    kind = _errors().get(name)
    if kind is None:
        return ""
    return f"{name} (exit code {kind.code})\n\n{inspect.cleandoc(kind.__doc__ or '')}"


def _precision(name: str) -> str:
    if name == _AUTO:
        return _CHOOSES
    known = next((p for p in _PRECISIONS if p.value == name), None)
    if known is None:
        return ""
    lines = [f"{name}: a precision", "", _PRECISIONS[known], ""]
    legal = {n: targets.load(n).legality for n in targets.names()}
    for status, said in _SAID.items():
        found = [
            n for n, table in legal.items() if known in table and table[known].status == status
        ]
        lines += [f"{said}: {', '.join(found)}"] if found else []
    return "\n".join(lines)


def _budget(name: str) -> str:
    from mcompile.validate import ALWAYS, ROWS

    row = next((r for r in (*ROWS, *ALWAYS) if name in (r.budget, r.metric) and name), None)
    if row is None:
        return ""
    kind = "a budget" if row.budget else "a check that is always on"
    side = "at most" if row.at_most else "at least"
    return (
        f"{row.budget or row.metric}: {kind}\n\n"
        f"{row.metric} must be {side} the limit; unit: {row.unit or 'none'}.\n"
        f"When it fails: {row.advice}."
    )


def _check(name: str) -> str:
    return f"{name}: a check that is always on\n\n{_CHECKS[name]}" if name in _CHECKS else ""


def _metric(name: str) -> str:
    from mcompile.measure.accuracy import METRICS

    metric = METRICS.get(name)
    if metric is None:
        return ""
    side = "higher is better" if metric.higher_is_better else "lower is better"
    unit = metric.unit or "no unit"
    return f"{name}: a task metric\n\nThe mean over the evaluation data, {unit}; {side}."


def _rule(name: str) -> str:
    from mcompile import registry

    rule = next((r for r in registry.rules() if r.name == name), None)
    if rule is None:
        return ""
    return (
        f"{name}: a rule of phase {rule.phase.value}\n\n{rule.explain()}\n\n"
        f"To leave it out: --skip {name}. Where a report says that it was undone: "
        f"mcompile explain {_REPRODUCER[0]}"
    )


def _reproducer(name: str) -> str:
    if name not in _REPRODUCER:
        return ""
    from mcompile.reproduce import reproducer

    return f"{_REPRODUCER[0]}: {inspect.cleandoc(reproducer.__doc__ or '')}"


def _known() -> list[str]:
    from mcompile import registry
    from mcompile.measure.accuracy import METRICS
    from mcompile.validate import ALWAYS, ROWS

    rows = [r.budget or r.metric for r in (*ROWS, *ALWAYS)]
    return [
        *targets.names(),
        *_errors(),
        *(p.value for p in _PRECISIONS),
        _AUTO,
        *rows,
        *_CHECKS,
        *METRICS,
        *(r.name for r in registry.rules()),
        *_REPRODUCER[:1],
    ]
