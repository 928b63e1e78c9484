"""Every number that running can give, for all forms of one model side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from mcompile.backend import Executor
from mcompile.errors import ContractError
from mcompile.measure.accuracy import Metric
from mcompile.measure.energy import energy, nvml, rapl
from mcompile.measure.evaluation import Runner, evaluate
from mcompile.measure.latency import interleaved, summarize
from mcompile.measure.memory import peak
from mcompile.measure.stability import stability
from mcompile.measure.throughput import fps, throughput
from mcompile.record import Layer
from mcompile.types import Feeds, Measured, Port, Samples

_LAYER_RUNS = 20


@dataclass(frozen=True)
class Effort:
    """How long to measure: most runs and seconds for each form, and the batch of throughput."""

    runs: int = 200
    seconds: float = 20.0
    batch: int = 1


@dataclass(frozen=True)
class Trial:
    """What one form showed.

    `arithmetic` follows from its numbers alone, `measured` from this machine too; `oracle` is what
    the untouched model showed on the same data. `faults` are measurements that could not be made.
    A `simulated` one ran without the device: it holds no times, no memory and no power.
    """

    measured: tuple[Measured, ...]
    arithmetic: tuple[Measured, ...]
    oracle: tuple[Measured, ...] = ()
    latency_ms: tuple[float, ...] = ()
    layers: tuple[Layer, ...] = ()
    vacuous: str = ""
    faults: tuple[str, ...] = ()
    simulated: bool = False


def measure(
    forms: Mapping[str, Callable[[], Executor]],
    oracle: Runner,
    samples: Samples,
    metric: Metric | None,
    inputs: tuple[Port, ...],
    effort: Effort = Effort(),
) -> Mapping[str, Trial]:
    """A trial of each form by name, all in one interleaved run, memory each in its own process.

    `forms` must open on call and be picklable. Without a metric nothing is said of accuracy.
    """
    feeds = next(iter(samples)).feeds
    with ExitStack() as stack:
        running = {name: stack.enter_context(opened()) for name, opened in forms.items()}
        worth = evaluate({"oracle": oracle, **running}, samples, metric)
        timed = {n: e for n, e in running.items() if not e.stands_in}
        times = interleaved(timed, feeds, runs=effort.runs, seconds=effort.seconds)
        alone = {n: _alone(e, feeds, inputs, effort) for n, e in timed.items()}
        layers = {n: tuple(e.layers(feeds, _LAYER_RUNS)) for n, e in timed.items()}
    found = {
        name: Trial(
            measured=(),
            arithmetic=worth[name].measured,
            oracle=worth["oracle"].measured,
            vacuous=worth[name].vacuous,
            simulated=True,
        )
        for name in running.keys() - timed.keys()
    }
    for name in timed:
        memory, faults = _memory(forms[name], feeds)
        rows = (*summarize(times[name]), *fps(times[name]), *alone[name], *memory)
        found[name] = Trial(
            measured=rows,
            arithmetic=worth[name].measured,
            oracle=worth["oracle"].measured,
            latency_ms=times[name],
            layers=layers[name],
            vacuous=worth[name].vacuous,
            faults=faults,
        )
    return found


def _alone(
    executor: Executor, feeds: Feeds, inputs: tuple[Port, ...], effort: Effort
) -> tuple[Measured, ...]:
    seconds = effort.seconds / 4
    return (
        throughput(executor, feeds, inputs, batch=effort.batch, seconds=seconds),
        *stability(executor, feeds),
        *energy(executor, feeds, rapl() or nvml()),
    )


def _memory(
    opened: Callable[[], Executor], feeds: Feeds
) -> tuple[tuple[Measured, ...], tuple[str, ...]]:
    try:
        return peak(opened, feeds), ()
    except ContractError as error:
        return (), (f"memory could not be measured: {error.what}",)
