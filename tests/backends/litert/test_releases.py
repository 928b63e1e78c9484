"""The releases that first had an operator, and what a target's floor forbids."""

from __future__ import annotations

import pytest
from packaging.version import Version

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.releases import demand, floor_of, newest, package_for, release_of
from mcompile.errors import LoweringError, TargetError
from mcompile.profile import Runtime

from .test_versions import op


def test_the_newest_operator_says_what_the_file_needs():
    draft = Draft()
    draft.ops = [op("SOFTMAX", "float32"), op("FULLY_CONNECTED", "float32", "int8*", "float32")]
    assert newest(draft) == Version("2.17")
    assert release_of(draft.ops[0]) == Version("2.3")
    assert package_for(Version("2.17")) == "2.0"
    assert package_for(Version("2.22")) == "2.3"


@pytest.mark.parametrize(
    ("pins", "floor"),
    [(">=2.0", "2.20"), (">=1.2,<2", "2.19"), ("==1.0.1", "2.18"), (">=2.3", "2.23")],
)
def test_what_a_package_reads(pins, floor):
    assert floor_of(Runtime(versions=pins)) == Version(floor)


def test_no_floor_without_a_lower_end():
    assert floor_of(Runtime()) is None
    assert floor_of(Runtime(versions="<1")) is None
    with pytest.raises(TargetError, match="no range of versions"):
        floor_of(Runtime(versions="newest"))


def test_an_operator_that_is_too_new_names_node_and_version():
    given = op("FULLY_CONNECTED", "float32", "int8*", "float32")
    demand(given, Version("2.17"), "node y (MatMul)")
    with pytest.raises(LoweringError, match="FULLY_CONNECTED version 12 came with") as caught:
        demand(given, Version("2.16"), "node y (MatMul)")
    assert caught.value.where == "node y (MatMul)"
