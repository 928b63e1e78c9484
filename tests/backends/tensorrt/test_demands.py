"""Which of a profile's releases read a program."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.backends.tensorrt.demands import narrowed
from mcompile.backends.tensorrt.pins import plain, told
from mcompile.errors import LoweringError

from .written import net, one

NORM = "[norm] y = LayerNormalization(x, g)"
SCALE = {"g": np.ones(4, np.float32)}


def asked(program, versions):
    found, because = narrowed(program, plain(versions))
    return told(found), because


def test_a_program_that_all_read_leaves_the_range_as_it_is():
    assert asked(net(), ">=8.5,<11") == (">=8.5,<11", "")
    assert asked(net(), "") == (">=8.0", "")


def test_an_op_of_later_releases_narrows_the_range_and_is_named():
    versions, because = asked(one(NORM, **SCALE), ">=8.5,<11")
    assert versions == ">=8.6,<11"
    assert (
        because
        == "before 8.6 TensorRT reads no LayerNormalization (node norm (LayerNormalization))"
    )


def test_a_later_operator_set_narrows_it_too():
    versions, because = asked(one("y = Relu(x)"), "<11")
    assert (versions, because) == (">=8.4,<11", "before 8.4 TensorRT does not read operator set 17")


def test_an_op_of_releases_that_the_target_has_not_is_refused():
    with pytest.raises(LoweringError, match=r"before 8.6, and the target has >=8.5,<8.6") as caught:
        narrowed(one(NORM, **SCALE), plain(">=8.5,<8.6"))
    assert caught.value.where == "node norm (LayerNormalization)"
    assert caught.value.fix.startswith("a target with TensorRT 8.6")


@pytest.mark.parametrize(
    ("body", "words", "where"),
    [
        ("[it] y = Unique(x)", "reads no Unique", "node it (Unique)"),
        ("y = Unique(x)", "reads no Unique", "node y (Unique)"),
        (
            "y = MaxPool <kernel_shape=[1], dilations=[2]> (x)",
            "no dilated pools",
            "node y (MaxPool)",
        ),
        ("d = Cast <to=11> (x) y = Cast <to=1> (d)", "float64", "node d (Cast)"),
    ],
)
def test_what_none_reads_is_refused_by_node_and_op(body, words, where):
    signature = "(float[1,1,4] x) => (float[1,1,4] y)"
    with pytest.raises(LoweringError, match=words) as caught:
        narrowed(one(body, signature), plain(">=10"))
    assert caught.value.where == where
    assert "other ops before the export" in caught.value.fix


def test_an_op_inside_a_branch_is_found():
    body = """y = If (c) <
        then_branch = t () => (float[1,4] a) { a = Relu(x) },
        else_branch = e () => (float[1,4] b) { [deep] b = Unique(x) }
    >"""
    with pytest.raises(LoweringError) as caught:
        narrowed(one(body, "(float[1,4] x, bool c) => (float[1,4] y)"), plain(""))
    assert caught.value.where == "node deep (Unique)"


def test_an_operator_set_that_none_of_them_reads():
    with pytest.raises(
        LoweringError, match=r"no TensorRT of >=8\.2\.1,<8\.2\.2 reads operator set 17"
    ) as e:
        narrowed(one("y = Relu(x)"), plain("==8.2.1"))
    assert e.value.fix == "runtime.max_opset = 13 in the target's profile"


def test_an_output_as_long_as_the_data_makes_it_is_refused():
    text = """<ir_version: 8, opset_import: ["": 17]>
    net (float[4] x) => (int64[1,n] y) { a = Relu(x) y = NonZero(a) }"""
    with pytest.raises(LoweringError, match="the size of output y hangs on the data"):
        asked(graph.parse(text), ">=8.5,<11")
