"""Every backend that is installed here, at every precision it has, on every model."""

from __future__ import annotations

import pytest

from mcompile import registry
from mcompile.backend import Backend
from mcompile.types import Precision

from .models import MODELS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A new backend runs the suite by being there; a missing one is a skip that names it."""
    if "backend" not in metafunc.fixturenames:
        return
    wanted = ["backend", "precision"] + ["model"] * ("model" in metafunc.fixturenames)
    cases = []
    for name, found in sorted(registry.backends().items()):
        if not isinstance(found, Backend):
            mark = pytest.mark.skip(reason=found.what)
            cases.append(pytest.param(*[None] * len(wanted), id=name, marks=mark))
            continue
        for precision in (p for p in Precision if p in found.precisions):
            for model in sorted(MODELS) if "model" in wanted else [""]:
                case = [found, precision, model][: len(wanted)]
                label = "-".join(filter(None, (name, precision.value, model)))
                cases.append(pytest.param(*case, id=label))
    metafunc.parametrize(wanted, cases)
