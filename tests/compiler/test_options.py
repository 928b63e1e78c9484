"""The choices of a build, from keyword arguments."""

from __future__ import annotations

import pytest

from mcompile.errors import UsageError
from mcompile.options import Options, of


def test_keyword_arguments_become_options() -> None:
    found = of({"target": "x", "inputs": ["F32[1]", "F32[2]"], "skip": "a", "runs": 3})
    assert found == Options(target="x", inputs=("F32[1]", "F32[2]"), skip=("a",), runs=3)
    assert of({"budgets": {"size_mb": 3}}).budgets == ("size_mb=3",)


def test_an_unknown_keyword_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="presicion is not an option") as caught:
        of({"presicion": "int8"})
    assert "precision" in caught.value.fix
