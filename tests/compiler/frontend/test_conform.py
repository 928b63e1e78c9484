import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend.conform import conform
from mcompile.oracle import Oracle
from mcompile.types import Port, Program

PAIR = """<ir_version: 8, opset_import: ["": 17]>
g (float[N, 3] x, float[N, M] z, int64[2] i) => (float[N, 3] y, float[N, "2*M"] d)
{ y = Relu(x)
  d = Concat<axis=1>(z, z)
  used = Identity(i) }"""


def pair() -> Program:
    return graph.parse(PAIR.replace('"2*M"', "K"))


def test_a_free_dimension_is_fixed_wherever_its_name_stands():
    program = conform(pair(), [Port("x", "float32", (5, 3))])
    assert [p.shape for p in program.inputs] == [(5, 3), (5, "M"), (2,)]
    assert [p.shape for p in program.outputs] == [(5, 3), (5, "K")]


def test_a_fixed_program_still_runs():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 3] x) => (float[N, 3] y)'
        "{ c = Relu(x) y = Neg(c) }"
    )
    fixed = conform(program, [Port("", "float32", (2, 3))])
    graph.infer_shapes(fixed)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(Oracle(fixed).run({"x": x})["y"], -x)


def test_a_free_dimension_may_stay_free():
    program = conform(pair(), [Port("x", "float32", ("B", 3))])
    assert program.inputs[0].shape == ("N", 3)


def test_unnamed_inputs_go_by_order():
    inputs = [Port("", "float32", (1, 3)), Port("", "float32", (1, 4)), Port("", "int64", (2,))]
    assert [p.shape for p in conform(pair(), inputs).inputs] == [(1, 3), (1, 4), (2,)]


def test_a_new_name_pushes_aside_the_value_that_bore_it():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> g (float[3] x) => (float[3] y)'
        "{ image = Relu(x) y = Neg(image) }"
    )
    renamed = conform(program, [Port("image", "float32", (3,))], rename=True)
    assert [p.name for p in renamed.inputs] == ["image"]
    x = np.array([-1, 0, 2], np.float32)
    assert Oracle(renamed).run({"image": x})["y"].tolist() == [0, 0, -2]


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ([Port("w", "float32", (1, 3))], "the model has no input w"),
        ([Port("", "float32", (1, 3))], "the number of inputs differs"),
        ([Port("x", "float32", (1, 3, 8))], "the rank differs"),
        ([Port("x", "float16", (1, 3))], "the element type differs"),
        ([Port("x", "float32", (1, 4))], "a size differs"),
        ([Port("x", "float32", (1, "C"))], "a size differs"),
        (
            [Port("x", "float32", (1, 3)), Port("z", "float32", (2, 3))],
            "dimension N cannot be both 1 and 2",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_both_sides_are_named(inputs, what):
    with pytest.raises(SourceError, match=what) as caught:
        conform(pair(), inputs)
    assert "F" in caught.value.where
    assert caught.value.fix
