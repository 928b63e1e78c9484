"""What a report says in words: its first lines, and its warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mcompile import targets
from mcompile.forms import is_narrow
from mcompile.guide import labels
from mcompile.measure.machine import Machine
from mcompile.options import absent
from mcompile.outcome import Form, Outcome
from mcompile.profile import Target
from mcompile.quantize.half import OF
from mcompile.quantize.weight_only import BITS
from mcompile.request import CALIBRATED
from mcompile.types import Measured, Port, Precision

_NOISE = 1.05
_INTEGER_OPS = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
                "MatMulInteger"}  # fmt: skip


def headlines(
    outcome: Outcome,
    found: Mapping[Precision, Sequence[Measured]],
    chosen: Precision,
    why: str = "",
) -> tuple[str, ...]:
    """What is said before anything else: what was not built as asked, and where it does not pay.

    `why` is the reason of a choice that was left to the compiler.
    """
    lines = [outcome.request.because] if outcome.request.because else []
    if outcome.request.choose:
        lines.append(why or f"auto chose {chosen.value}")
    floats = found.get(Precision.FP32, ())
    mine, theirs = (value(f, "latency_p50_ms") for f in (found[chosen], floats))
    device = outcome.request.target.device
    # The processor's times say nothing of an accelerator that is not here.
    elsewhere = outcome.request.backend.holds(device.arch) is False
    if chosen is not Precision.FP32 and mine > theirs and not elsewhere:
        # Within a few percent nobody can tell; it is still not what INT8 was asked for.
        word = "slower than" if mine > _NOISE * theirs else "no faster than"
        advice = "" if outcome.request.choose else "; --precision auto hands over the better"
        lines.append(
            f"{chosen.value} is {word} fp32 here: {mine:.3g} against {theirs:.3g} ms (p50){advice}"
        )
    plan = outcome.forms[chosen].plan
    integers = chosen in {Precision.INT8, Precision.INT8_DYNAMIC, *BITS}
    came = any(n.op_type in _INTEGER_OPS for n in outcome.captured.graph.graph)
    if integers and plan is not None and not plan.tensors and not came:
        lines.append(f"nothing could be quantized: this {chosen.value} build is the float model")
    if chosen in OF and not is_narrow(outcome.forms[chosen].program):
        lines.append(f"nothing could be narrowed: this {chosen.value} build is the float model")
    if came:
        lines.append("the model came quantized: fp32 stands for the model as it was given")
    return tuple(lines)


def value(rows_of: Sequence[Measured], name: str) -> float:
    """The measured figure of that name; infinite where there is none."""
    measured = (m.value for m in rows_of if m.name == name and m.low is None)
    return next(measured, float("inf"))


def warnings(outcome: Outcome, form: Form, jump: str, machine: Machine) -> tuple[str, ...]:
    """What a reader must know to trust the figures."""
    trial, given = outcome.trials[form.precision], outcome.request.options
    told = [*_elsewhere(outcome, trial.simulated, machine), *trial.faults]
    if trial.vacuous:
        told.append(trial.vacuous)
    if outcome.metric is None:
        told.append(f"no accuracy: there are no labels with {outcome.samples.source}")
    calibrated = not absent(given.calibration) and form.precision in CALIBRATED
    if calibrated and absent(given.evaluation):
        told.append("agreement is taken on the calibration data: none was held out (--evaluation)")
    if calibrated and _same(given.calibration, given.evaluation):
        told.append(
            "evaluated on the calibration data: accuracy and agreement flatter the artifact"
        )
    if form.precision in CALIBRATED:
        told += [f"calibration data: {finding}" for finding in outcome.findings]
    if _gave_up_layers(form) and not absent(given.evaluation):
        told.append(
            "which layers stay float was decided on the evaluation data too: accuracy there "
            "flatters the artifact a little"
        )
    if jump:
        told.append(f"the error jumps at {jump}: the first place to look when accuracy is lost")
    if outcome.log.unproven:
        told.append(f"the optimized model could not be compared: {outcome.log.unproven}")
    told += _unnamed(labels(given.labels), outcome.captured.outputs)
    told += [f"{u.rule} was undone at {u.node}: {u.error}" for u in outcome.log.undone]
    return tuple(told)


def _unnamed(names: Sequence[str], outputs: Sequence[Port]) -> list[str]:
    """Where no output has a number for each of the classes that have names."""
    sizes = {d for p in outputs for d in p.shape[1:] if isinstance(d, int) and d != 1}
    if not names or len(names) in sizes:
        return []
    found = ", ".join(f"{p.name} {list(p.shape)}" for p in outputs)
    return [f"{len(names)} labels, and no output has as many numbers: {found}"]


def _gave_up_layers(form: Form) -> bool:
    return form.plan is not None and any(t.taken and t.kept for t in form.tried)


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str | Path) and str(one) == str(other))


def _elsewhere(outcome: Outcome, simulated: bool, machine: Machine) -> list[str]:
    target, runtime = outcome.request.target, outcome.request.backend.title
    if not simulated:
        return strangers(target, machine)
    return [
        f"no {runtime} for {target.name} in this machine: what it computes was computed on the "
        "CPU from the same graph, and nothing was timed"
    ]


def strangers(target: Target, machine: Machine) -> list[str]:
    """What to say when this machine is not the target: why, and which targets it is."""
    same, reason = machine.matches(target.device)
    if same:
        return []
    alike = [n for n in targets.names() if machine.matches(targets.load(n).device)[0]]
    other = f"; it is a {' or a '.join(alike)}" if alike else ""
    return [
        f"this machine is no {target.name}: {reason}{other}. "
        "Times and memory taken here prove nothing for it"
    ]
