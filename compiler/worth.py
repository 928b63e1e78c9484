"""Whether a file holds the accuracy that was asked for, while it is still open which is built."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from mcompile.choice import Candidate, missed_accuracy
from mcompile.datasets import metric_of
from mcompile.errors import ContractError, LoweringError
from mcompile.measure.comparison import drop
from mcompile.measure.evaluation import Runner, evaluate
from mcompile.oracle import Oracle
from mcompile.request import Request
from mcompile.types import Measured, Program, Samples

_MOST = 500


class Worth:
    """Runs programs on evaluation data as the backend writes them; says whether they suffice.

    At most 500 samples from all over the data are looked at: the whole is for the last word. A
    limit that one sample more would have met is not missed here: that may be chance, and on a few
    dozen samples layers would be given up for it.
    """

    def __init__(self, request: Request, reference: Program, evaluation: Samples | None) -> None:
        self._request = request
        self._metric = metric_of(request, evaluation)
        self._samples = evaluation and _fewer(evaluation)
        self._oracle = Oracle(reference, threads=request.threads) if evaluation else None

    def __call__(self, program: Program) -> bool:
        """Whether no limit of accuracy is missed, soft ones included; so without data."""
        if self._samples is None or self._oracle is None:
            return True
        backend, target = self._request.backend, self._request.integers
        with TemporaryDirectory() as folder:
            place = Path(folder)
            try:
                artifact = backend.lower(program, target, place)
                with backend.open(artifact, place, self._request.threads) as executor:
                    runners: dict[str, Runner] = {"oracle": self._oracle, "int8": executor}
                    found = evaluate(runners, self._samples, self._metric)
            except (LoweringError, ContractError):
                return False
        figures = found["int8"].measured
        if self._metric is not None:
            figures = (*figures, *drop(found["oracle"].measured, figures, self._metric))
        one = 100.0 / max(1, found["int8"].samples)
        figures = tuple(_granted(m, one) for m in figures)
        candidate = Candidate(target.precision, figures, ())
        return not missed_accuracy(candidate, self._request.target.budgets)


def _granted(figure: Measured, one: float) -> Measured:
    """The figure as it would be with one sample more that is right."""
    if figure.unit == "%" and figure.name in ("accuracy", "agreement"):
        return replace(figure, value=min(100.0, figure.value + one))
    if figure.unit == "pp" and figure.name == "accuracy_drop_pp":
        return replace(figure, value=figure.value - one)
    return figure


def _fewer(samples: Samples) -> Samples:
    step = max(1, (samples.count or 0) // _MOST)
    return replace(samples, open=lambda: islice(iter(samples), 0, step * _MOST, step), count=None)
