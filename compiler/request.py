"""What is to be built, once options, model card and profile are put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mcompile import registry, targets
from mcompile.backend import Backend
from mcompile.card import with_card
from mcompile.errors import SamplesError, TargetError, UsageError
from mcompile.frontend import CaptureOptions, parse_input
from mcompile.guide import labels
from mcompile.measure.accuracy import find
from mcompile.options import Options, absent
from mcompile.profile import Target
from mcompile.samples import Preprocess, load_preprocess
from mcompile.types import Precision
from mcompile.wording import choice, nearest

AUTO = "auto"
CALIBRATED = frozenset({Precision.INT8, Precision.INT16X8})
"""Precisions whose scales come from data. A request has one of them at most."""


@dataclass(frozen=True)
class Request:
    """A build that can begin. `precisions` are the forms to make, the wanted one first.

    `because` says why the wanted one is not what was requested; `choose` that the best is to be
    handed over rather than the first, and then all of them are candidates.
    """

    source: object
    options: Options
    card: Mapping[str, str]
    target: Target
    backend: Backend
    requested: Precision
    precisions: tuple[Precision, ...]
    because: str = ""
    choose: bool = False

    @property
    def capture(self) -> CaptureOptions:
        """How the frontend is to read the source."""
        given, runtime = self.options, self.target.runtime
        return CaptureOptions(
            inputs=tuple(parse_input(text) for text in given.inputs),
            arch=given.arch,
            arch_args=given.arch_args,
            trust_code=given.trust_code,
            opset=runtime.max_opset,
        )

    @property
    def scaled(self) -> Precision:
        """The precision whose scales come from data, if there is one: INT8 unless 16x8 is built."""
        wide = Precision.INT16X8
        return wide if wide in self.precisions else Precision.INT8

    @property
    def integers(self) -> Target:
        """The target as a backend is to see it when it builds on integers."""
        return as_target(self, self.scaled)

    @property
    def threads(self) -> int | None:
        """Threads of the runtime: as asked for, else as the profile says, else its own choice."""
        return self.options.threads or self.target.runtime.threads

    @property
    def preprocess(self) -> Preprocess | None:
        """How a picture becomes an input, where that was said."""
        given = self.options.preprocess
        return None if absent(given) else load_preprocess(given)


def runtimes_of(source: object, given: Options) -> tuple[str, ...]:
    """The runtimes that a build is to be tried on, the profile's first one before the others."""
    options, _ = with_card(source, given)
    target = _target(options)
    if options.backend == AUTO:
        return (target.backend, *target.others)
    return (options.backend or target.backend,)


def resolve(source: object, given: Options, runtime: str = "") -> Request:
    """The request for that runtime, else for the one that was named, else for the profile's first.

    Raises before anything slow begins when it cannot be met: `TargetError` for the target, its
    runtimes and precisions, `BackendMissing` for a runtime, `SamplesError` for INT8 without
    calibration data.
    """
    options, card = with_card(source, given)
    target = _target(options)
    named = "" if options.backend == AUTO else options.backend
    target = targets.on(target, runtime or named or target.backend)
    choose = options.precision == AUTO
    requested = _best(target, options) if choose else _precision(options.precision, target)
    built, because = targets.effective(target, requested, options.strict)
    backend = registry.backend(target.backend)
    if built not in backend.precisions:
        raise TargetError(
            f"{backend.name} cannot be given {built.value}",
            where=f"target {target.name}",
            fix="--precision " + " or ".join(p.value for p in Precision if p in backend.precisions),
        )
    if built in CALIBRATED and absent(options.calibration):
        raise _uncalibrated(target, backend, requested, built)
    _refuse_nonsense(options)
    labels(options.labels)
    others = _candidates(target, backend, options) if choose else ()
    forms = tuple(dict.fromkeys((built, *others, Precision.FP32)))
    return Request(source, options, card, target, backend, requested, forms, because, choose)


def _uncalibrated(
    target: Target, backend: Backend, requested: Precision, built: Precision
) -> SamplesError:
    """The error for integers without data; a precision that needs none is named where it helps."""
    ways, asked = ["--calibration SOURCE", "`calibration` in a model card"], requested.value
    plain = Precision.INT8_DYNAMIC
    legal = target.legality[plain].status in ("native", "emulated")
    if legal and plain in backend.precisions:
        ways.append(f"--precision {plain.value}")
    instead = f" on {target.name} in place of {asked}" if built is not requested else ""
    return SamplesError(
        f"{built.value}{instead} needs calibration data, and none was given",
        where=f"--precision {asked}",
        fix=choice(ways),
    )


def _target(options: Options) -> Target:
    """The target that was named. Raises `TargetError` where a runtime of it is none."""
    if not options.target:
        raise UsageError(
            "no target was named",
            where="--target",
            fix="--target NAME; `mcompile targets` lists them",
        )
    target = targets.load(options.target, options.scenario, options.budgets)
    for name in target.others:
        try:
            registry.known(name)
        except TargetError as error:
            where = f"target {target.name}, [runtimes.{name}]"
            raise TargetError(error.what, where=where, fix=error.fix) from error
    return target


def _candidates(target: Target, backend: Backend, options: Options) -> Iterator[Precision]:
    """What `auto` may choose from: precisions that the device has kernels for, cheapest first."""
    for precision in (Precision.INT8, Precision.INT8_DYNAMIC, Precision.FP16):
        known = precision in target.legality and precision in backend.precisions
        native = known and target.legality[precision].status == "native"
        if native and not (precision is Precision.INT8 and absent(options.calibration)):
            yield precision


def _refuse_nonsense(options: Options) -> None:
    """Raise `UsageError` for choices that only show to be wrong after the slow part."""
    if options.percentile is not None and not 50 <= options.percentile <= 100:
        raise UsageError(
            f"{options.percentile:g} is not a percentile to clip to",
            where="percentile",
            fix="a number from 50 to 100, such as 99.99",
        )
    others = {
        "--keep-float": options.keep_float,
        "--percentile": options.percentile is not None,
        "--thorough": options.thorough is not None,
    }
    for name in (n for n, given in others.items() if options.plan and given):
        raise UsageError(
            f"a plan says everything, and {name} cannot add to it",
            where="--plan",
            fix=f"edit the plan, or leave out {name} or --plan",
        )
    if options.plan and options.backend == AUTO:
        raise UsageError(
            "a plan is for the integers of one runtime",
            where="--plan with --backend auto",
            fix="--backend NAME, or leave out --plan",
        )
    if options.metric:
        find(options.metric)
        if absent(options.evaluation):
            raise UsageError(
                f"{options.metric} needs labelled samples, and none were given",
                where="--metric",
                fix="--evaluation SOURCE, or leave the metric out",
            )


def as_target(request: Request, precision: Precision) -> Target:
    """The target as a backend is to see it when it builds that precision."""
    return replace(request.target, precision=precision)


def name_of(source: object) -> str:
    """What a source is called in a report and in the command that is recorded."""
    if isinstance(source, str | Path):
        return Path(source).name
    return type(source).__name__


def _best(target: Target, options: Options) -> Precision:
    """What `auto` names first: INT8 where kernels and data are there, else what needs no data."""
    if not absent(options.calibration):
        native = target.legality[Precision.INT8].status == "native"
        return Precision.INT8 if native else target.precision
    floats = target.legality[Precision.FP32].status in ("native", "emulated")
    return Precision.FP32 if target.precision is Precision.INT8 and floats else target.precision


def _precision(text: str, target: Target) -> Precision:
    if not text:
        return target.precision
    known = [p.value for p in Precision]
    if text not in known:
        raise UsageError(
            f"{text} is not a precision",
            where="--precision",
            fix=nearest(text, [*known, AUTO]),
        )
    return Precision(text)
