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
    wanted = [n for n in ("backend", "precision", "model") if n in metafunc.fixturenames]
    cases = []
    for name, found in sorted(registry.backends().items()):
        if not isinstance(found, Backend):
            mark = pytest.mark.skip(reason=found.what)
            cases.append(pytest.param(*[None] * len(wanted), id=name, marks=mark))
            continue
        able = [p for p in Precision if p in found.precisions]
        for precision in able if "precision" in wanted else [None]:
            for model in sorted(MODELS) if "model" in wanted else [None]:
                case = {"backend": found, "precision": precision, "model": model}
                words = (name, precision.value if precision else "", model)
                label = "-".join(filter(None, words))
                cases.append(pytest.param(*(case[n] for n in wanted), id=label))
    metafunc.parametrize(wanted, cases)
