"""What a model is, and what each target would make of it, without building anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mcompile import graph, registry, targets
from mcompile.backend import Backend
from mcompile.card import with_card
from mcompile.errors import LoweringError
from mcompile.estimate.count import count
from mcompile.estimate.liveness import peak_activation
from mcompile.estimate.roofline import predict
from mcompile.estimate.work import Work
from mcompile.frontend import CaptureOptions, capture, parse_input
from mcompile.opsets.versions import converted
from mcompile.options import Options
from mcompile.profile import Target
from mcompile.types import Measured, Port, Precision, Program
from mcompile.validate import validate, verdict


@dataclass(frozen=True)
class Outlook:
    """What one target would say: the precision it gets, predictions, and what stands against it."""

    target: str
    precision: Precision
    available: bool
    latency_p50_ms: Measured | None
    refuses: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """A model in figures."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    opset: int
    nodes: int
    figures: tuple[Measured, ...]
    ops: Mapping[str, int]
    outlook: tuple[Outlook, ...]


def inspect(source: object, given: Options) -> Inspection:
    """Count the model's work, and hold the predictions against every profile's budgets."""
    options, _ = with_card(source, given)
    program = capture(
        source,
        CaptureOptions(
            inputs=tuple(parse_input(text) for text in options.inputs),
            arch=options.arch,
            arch_args=options.arch_args,
            trust_code=options.trust_code,
        ),
    )
    # A free dimension is counted as one: a batch of one, the least that can be asked for.
    sizes = {d: 1 for p in program.inputs for d in p.shape if isinstance(d, str)}
    work = count(program, sizes)
    activation = peak_activation(program, sizes)
    here = registry.backends()
    chosen = (options.target,) if options.target else targets.names()
    ops = Counter(n.op_type for n in program.graph.graph.all_nodes())
    return Inspection(
        name=program.name,
        inputs=program.inputs,
        outputs=program.outputs,
        opset=graph.opset(program),
        nodes=sum(ops.values()),
        figures=(*work.figures(), activation),
        ops=dict(ops.most_common()),
        outlook=tuple(_outlook(targets.load(n), program, work, activation, here) for n in chosen),
    )


def _outlook(
    target: Target,
    program: Program,
    work: Work,
    activation: Measured,
    here: Mapping[str, object],
) -> Outlook:
    predicted = predict(work, target.device, target.precision)
    refuses = []
    cap = target.runtime.max_opset
    if cap is not None and graph.opset(program) > cap:
        refuses += _unwritable(program, cap)
    memory = target.device.memory_mb
    need = sum(m.value for m in (*work.figures(), activation) if m.name.endswith("weights_mb"))
    if memory is not None and need > memory:
        refuses.append(f"{need:.0f} MB of weights: it has {memory:g} MB")
    checks = validate((*work.figures(), *predicted), target.budgets, precision=target.precision)
    refuses += [f"{c.name}: {c.because}" for c in checks if verdict((c,)).value == "failed"]
    latency = next((m for m in predicted if m.name == "latency_p50_ms"), None)
    named = (target.backend, *target.others)
    available = any(isinstance(here.get(name), Backend) for name in named)
    return Outlook(target.name, target.precision, available, latency, tuple(refuses))


def _unwritable(program: Program, version: int) -> list[str]:
    """Why the program cannot be written in that older operator set; empty where it can."""
    try:
        converted(program, version)
    except LoweringError as error:
        return [f"{error.what} ({error.where})"]
    return []


def card(found: Inspection) -> str:
    """A first model card for the model, its unknown parts as comments to fill in."""
    inputs = ", ".join(f'"{_typed(p)}"' for p in found.inputs)
    return f"""# What `mcompile {found.name}` needs to know; the command line wins over it.
inputs = [{inputs}]
# arch = "package.module:Net"          # for a state dict: what builds the network
# arch_args = {{ width = 1.0 }}
# calibration = "calibration"          # a folder of pictures, an .npz, ...: typical inputs
# evaluation = "evaluation"            # other inputs, with labels
# metric = "top1"
# preprocess = "imagenet"

# [budgets]
# latency_p99_ms = 50
"""


def _typed(port: Port) -> str:
    from mcompile.frontend.options import show

    return show(port)
