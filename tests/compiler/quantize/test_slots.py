"""What the standard's schemas allow to be of 16 bits."""

import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.quantize.slots import complete, is_edge, slots

F16, BF16 = ir.DataType.FLOAT16, ir.DataType.BFLOAT16


def node(body, inputs="float[2,3] x, int64[2] i", opset=17, typed=True):
    text = f"""<ir_version: 9, opset_import: ["": {opset}, "my.own": 1]>
    net ({inputs}) => (float[2,3] y) {{ {body} }}"""
    program = graph.parse(text)
    if typed:
        graph.infer_shapes(program)
    return next(iter(program.graph.graph))


@pytest.mark.parametrize(
    ("body", "reads", "makes"),
    [
        ("y = Add(x, x)", (0, 1), (0,)),
        ("y = Gather(x, i)", (0,), (0,)),
        ("n = ArgMax(x)\ny = Identity(x)", (0,), ()),
        ("y = Cast <to = 1> (i)", (), (0,)),
        ("n = Cast <to = 7> (x)\ny = Identity(x)", (0,), ()),
        ("n = Shape(x)\ny = Identity(x)", (0,), ()),
        ("y = Where(b, x, x)", (1, 2), (0,)),
    ],
)
def test_inputs_and_outputs_of_one_variable_change_together(body, reads, makes):
    found = slots(node(body, "float[2,3] x, int64[2] i, bool[2,3] b"), 17, F16)
    assert (found.reads, found.makes, found.why) == (reads, makes, "")


def test_sizes_of_a_resize_stay_float():
    inputs = "float[1,1,2,2] x, float[8] roi, float[4] s"
    found = slots(node("y = Resize(x, roi, s)", inputs), 17, F16)
    assert (found.reads, found.makes) == ((0,), (0,))


def test_the_grid_of_a_grid_sample_stays_float():
    found = slots(node("y = GridSample(x, g)", "float[1,1,2,2] x, float[1,2,2,2] g"), 17, F16)
    assert found.reads == (0,)


@pytest.mark.parametrize(
    ("body", "half", "opset", "why"),
    [
        ("y = Celu(x)", F16, 17, "Celu has no float16 form at operator set 17"),
        ("y = Conv(x, x)", BF16, 17, "Conv has no bfloat16 form at operator set 17"),
        ("y = my.own.Odd(x)", F16, 17, "my.own::Odd is no op of the standard"),
        ("y = Nothing(x)", F16, 17, "the standard knows no Nothing at operator set 17"),
        ("y = RandomNormalLike(x)", F16, 17, ""),
        ("y = RandomNormal <shape = [2,3]> ()", F16, 17, "RandomNormal has no float16 form"),
    ],
)
def test_what_has_no_such_form_says_why(body, half, opset, why):
    found = slots(node(body, opset=opset, typed="Nothing" not in body), opset, half)
    assert found.why.startswith(why)
    assert not found.makes


def test_a_newer_operator_set_may_have_the_form():
    one = node("y = Conv(x, x)", "float[1,1,2,2] x", opset=22)
    assert slots(one, 22, BF16).reads == (0, 1)


def test_sequences_stay_as_they_are():
    one = node("s = SequenceConstruct(x, x)\ny = SequenceAt(s, i)", "float[2,3] x, int64 i")
    for each in one.graph:
        assert "sequences" in slots(each, 17, F16).why


def test_outputs_that_are_left_out_do_not_change():
    one = node("v, n = TopK(x, i)\ny = Relu(x)")
    assert slots(one, 17, F16).makes == (0,)
    one.outputs[0].name = None
    assert slots(one, 17, F16).makes == ()


def test_a_constant_of_a_branch_stays():
    one = node(
        """z = If (b) <
          then_branch = t () => (float[1] u) { u = Constant <value = float[1] {1.0}> () },
          else_branch = e () => (float[1] v) { v = Identity(k) } >
        y = Relu(x)""",
        "float[2,3] x, bool b, float[1] k",
    )
    assert slots(one, 17, F16).why == "a branch of it gives a constant"


def test_ops_on_integers_hold_nothing_to_change():
    found = slots(node("n = Add(i, i)\ny = Identity(x)"), 17, F16)
    assert (bool(found), found.why) == (False, "")


def test_what_shares_a_variable_with_an_unknown_type_stays():
    one = node("u = my.own.Odd(x)\ny = Add(x, u)", typed=False)
    other = next(n for n in one.graph if n.op_type == "Add")
    assert not slots(other, 17, F16)


def test_unknown_types_are_told_by_the_schema():
    one = node("u = Relu(x)\ny = my.own.Odd(u)", typed=False)
    assert one.outputs[0].dtype is None
    complete(one, 17)
    assert one.outputs[0].dtype == ir.DataType.FLOAT


def test_types_of_unknown_ops_are_left_open():
    for op in ("my.own.Odd", "Nothing"):
        one = node(f"u = {op}(x)\ny = Identity(x)", typed=False)
        complete(one, 17)
        assert one.outputs[0].dtype is None


def test_a_cast_between_both_types_is_an_edge():
    one = node("h = Cast <to = 10> (x)\ny = Cast <to = 1> (h)")
    assert [is_edge(n, F16) for n in one.graph] == [True, True]
    assert [is_edge(n, BF16) for n in one.graph] == [False, False]
    assert not slots(one, 17, F16)
