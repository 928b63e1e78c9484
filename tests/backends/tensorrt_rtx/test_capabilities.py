"""GPUs that there is a compiler for, and those nearest to them."""

import pytest

from .desk import target  # skips without the package

from mcompile.backends.tensorrt_rtx import builder, capabilities  # isort: skip
from mcompile.errors import TargetError  # isort: skip


def test_the_names_are_all_that_the_compiler_knows():
    known = set(builder.trt.ComputeCapability.__members__)
    assert set(capabilities.NAMES.values()) == known - {"CURRENT", "NONE"}


@pytest.mark.parametrize("name", capabilities.NAMES)
def test_a_gpu_is_compiled_for_alone(name):
    assert capabilities.named(target(name)) == (name,)


def test_without_a_gpu_an_engine_serves_all_but_turing():
    assert capabilities.named(target(None)) == ("8.0", "8.6", "8.9", "12.0", "12.1")


@pytest.mark.parametrize("name", ["5.3", "7.2", "8.7", "9.0", "11.0"])
def test_a_gpu_without_a_compiler_is_refused_with_those_that_have_one(name):
    with pytest.raises(TargetError, match=rf"7\.5, 8\.0, 8\.6, 8\.9, 12\.0, 12\.1.* {name}") as e:
        capabilities.named(target(name))
    assert "--backend tensorrt" in e.value.fix


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("5.3", None), ("7.2", None), ("7.5", "7.5"), ("8.7", "8.6"), ("9.0", "8.9"),
     ("11.0", "8.9"), ("12.1", "12.1"), ("13.0", "12.1"), (None, "8.0")],
)  # fmt: skip
def test_the_nearest_is_the_newest_that_is_no_newer(wanted, found):
    assert capabilities.nearest(wanted) == found
