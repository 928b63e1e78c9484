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
    cases = []
    for name, found in sorted(registry.backends().items()):
        if not isinstance(found, Backend):
            mark = pytest.mark.skip(reason=str(found).replace("\n", " "))
            cases.append(pytest.param(None, None, id=name, marks=mark))
            continue
        for precision in sorted(found.precisions, key=list(Precision).index):
            cases.append(pytest.param(found, precision, id=f"{name}-{precision.value}"))
    metafunc.parametrize(("backend", "precision"), cases)
    if "model" in metafunc.fixturenames:
        metafunc.parametrize("model", sorted(MODELS))
