"""The plan as text: what comes back, what a person reads, what is refused."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mcompile.errors import UsageError
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.planfile import SCHEMA, demand, dump, load, read, write
from mcompile.types import QParams, QuantPlan

from .nets import SCHEME, residual, samples


def made():
    program = residual()
    return program, plan(program, observe(program, samples(program, 2)), SCHEME)


def same(one, other):
    assert {*one.tensors} == {*other.tensors}
    assert dict(one.left_float) == dict(other.left_float)
    for name, params in one.tensors.items():
        back = other.tensors[name]
        assert (back.dtype, back.axis) == (params.dtype, params.axis)
        for a, b in ((params.scale, back.scale), (params.zero_point, back.zero_point)):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return True


def test_a_plan_comes_back_bit_for_bit_and_gives_the_same_program():
    program, found = made()
    back = load(dump(found))
    assert same(found, back)
    demand(back, program)
    one, other = insert(program, found, SCHEME), insert(program, back, SCHEME)
    assert [n.op_type for n in one.graph.graph] == [n.op_type for n in other.graph.graph]
    for name, value in one.graph.graph.initializers.items():
        twin = other.graph.graph.initializers[name]
        np.testing.assert_array_equal(value.const_value.numpy(), twin.const_value.numpy())


SCALES = st.floats(2.0**-120, 2.0**100, width=32)


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=SCALES))
@settings(deadline=None, derandomize=True)
def test_every_scale_survives_in_its_shortest_spelling(scale):
    zero = np.zeros(scale.size, np.int8)
    text = dump(QuantPlan({"w": QParams(scale, zero, "int8", 0)}, {}))
    np.testing.assert_array_equal(load(text).tensors["w"].scale, scale)
    numbers = text.split(b"[")[1].split(b"]")[0].split(b",")
    assert max(len(n.strip()) for n in numbers) <= 42


def test_the_text_is_a_line_a_tensor_sorted_and_stable():
    up = QParams(np.asarray(np.float32(0.1)), np.asarray(128, np.uint8), "uint8")
    rows = QParams(np.float32([0.5, 1e-8]), np.zeros(2, np.int8), "int8", 0)
    uneven = QParams(np.float32([0.5, 2]), np.array([1, 2], np.uint8), "uint8", 1)
    found = QuantPlan({"b": up, "a/w": rows, "c": uneven}, {'z"': "why", "d": "shared"})
    text = dump(found)
    assert (
        text.decode()
        == f"""{{
"schema": {SCHEMA},
"tensors": {{
"a/w": {{"dtype": "int8", "axis": 0, "zero_point": 0, "scale": [0.5, 1e-8]}},
"b": {{"dtype": "uint8", "zero_point": 128, "scale": 0.1}},
"c": {{"dtype": "uint8", "axis": 1, "zero_point": [1, 2], "scale": [0.5, 2.0]}}
}},
"left_float": {{
"d": "shared",
"z\\"": "why"
}}
}}
"""
    )
    backwards = QuantPlan(dict(reversed(found.tensors.items())), found.left_float)
    assert dump(backwards) == text
    assert dump(load(text)) == text
    assert json.loads(text)["left_float"]["d"] == "shared"


def test_an_empty_plan_is_a_plan():
    assert same(load(dump(QuantPlan({}, {}))), QuantPlan({}, {}))


@pytest.mark.parametrize("dtype", ["int4", "uint4", "int8", "uint8", "int16", "uint16", "int32"])
def test_every_integer_type_is_held(dtype):
    data = {"dtype": dtype, "zero_point": 3, "scale": 1.0}
    found = load(json.dumps(document(t=data)).encode()).tensors["t"]
    assert (str(found.zero_point.dtype), int(found.zero_point)) == (dtype, 3)


def document(**tensors):
    return {"schema": SCHEMA, "tensors": tensors, "left_float": {}}


PLAIN = {"dtype": "int8", "zero_point": 0, "scale": 1.0}
ROWS = {"dtype": "int8", "axis": 0, "zero_point": 0, "scale": [1.0, 2.0]}
REFUSED = {
    "no JSON": (b"{", "not a quantization plan"),
    "no text": (b"\xff\xfe", "not a quantization plan"),
    "no plan": (b'{"tensors": {}}', "not a quantization plan"),
    "a list": (b"[1]", "not a quantization plan"),
    "schema": (b'{"schema": 7, "more": 1}', "of schema 7, and this version reads 1"),
    "unknown field": (document(t=PLAIN | {"zero": 1}), "not a quantization plan"),
    "a word": (document(t=PLAIN | {"scale": "1"}), "not a quantization plan"),
    "no scale": (document(t={"dtype": "int8", "zero_point": 0}), "not a quantization plan"),
    "type": (document(t=PLAIN | {"dtype": "int9"}), "int9 is no type of integers"),
    "negative": (document(t=PLAIN | {"scale": -1.0}), "scale of t is not a positive number"),
    "zero": (document(t=PLAIN | {"scale": 1e-60}), "scale of t is not a positive number"),
    "huge": (document(t=PLAIN | {"scale": 1e60}), "scale of t is not a positive number"),
    "no channel": (document(t=ROWS | {"scale": []}), "scale of t is not a positive number"),
    "point": (document(t=PLAIN | {"zero_point": 200}), "zero point of t is outside of -128..127"),
    "huge point": (document(t=PLAIN | {"zero_point": 2**70}), "zero point of t is outside"),
    "axis": (document(t=PLAIN | {"axis": 0}), "an axis without a scale a channel"),
    "no axis": (document(t=PLAIN | {"scale": [1.0]}), "an axis without a scale a channel"),
    "points": (document(t=ROWS | {"zero_point": [1]}), "1 zero points and 2 scales"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plan_is_refused_in_three_lines(data, said):
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(UsageError, match=said) as refused:
        load(text, "mine.json")
    assert len(str(refused.value).splitlines()) == 3
    assert "mine.json" in refused.value.where


def test_a_tensor_that_the_program_lacks_is_refused_with_the_nearest_name():
    text = """{"schema": 1, "tensors": {%s}, "left_float": {%s}}"""
    entry = '"w5": {"dtype": "int8", "zero_point": 0, "scale": 1.0}'
    for part in ((entry, ""), ("", '"w5": "why"')):
        with pytest.raises(UsageError, match="residual has no tensor w5") as refused:
            demand(load((text % part).encode()), residual(), "mine.json")
        assert "w4" in refused.value.fix
        assert "mine.json" in refused.value.where


@pytest.mark.parametrize(
    ("axis", "said"),
    [(0, "w1 has 8 channels and 2 scales"), (4, "w1 has 4 axes, and no axis 4")],
)
def test_scales_that_do_not_fit_the_tensor_are_refused(axis, said):
    text = json.dumps(document(w1=ROWS | {"axis": axis})).encode()
    with pytest.raises(UsageError, match=said):
        demand(load(text), residual())


def test_a_file_is_read_and_held_against_the_program(tmp_path):
    program, found = made()
    path = tmp_path / "plan.json"
    path.write_bytes(dump(found))
    back = read(path, program)
    assert same(back, found)
    assert back.shifts == {}
    path.write_bytes(dump(found).replace(b'"w1"', b'"w9"'))
    with pytest.raises(UsageError, match="no tensor w9") as refused:
        read(path, program)
    assert str(path) in refused.value.where


@pytest.mark.parametrize("name", ["none.json", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be read") as refused:
        read(tmp_path / name, residual())
    assert len(str(refused.value).splitlines()) == 3


def test_what_was_added_to_biases_comes_back_exactly(tmp_path):
    program, found = made()
    rng = np.random.default_rng(0)
    shifts = {n: rng.standard_normal(k).astype(np.float32) for n, k in (("y", 10), ("a0", 8))}
    path = tmp_path / "plan.json"
    with_shifts = replace(found, shifts=shifts)
    path.write_bytes(dump(with_shifts))
    back = read(path, program)
    moved = back.shifts
    assert same(back, found)
    assert [*moved] == ["a0", "y"]
    for name, shift in shifts.items():
        assert (moved[name].dtype, moved[name].tobytes()) == (shift.dtype, shift.tobytes())
    one, other = (insert(program, p, SCHEME) for p in (with_shifts, back))
    for name, value in one.graph.graph.initializers.items():
        twin = other.graph.graph.initializers[name]
        np.testing.assert_array_equal(value.const_value.numpy(), twin.const_value.numpy())
    assert dump(back) == dump(with_shifts) != dump(found)


@pytest.mark.parametrize(
    ("shifts", "said"),
    [
        ({"y9": [0.0]}, "no tensor y9"),
        ({"y": ["1"]}, "not a quantization plan"),
        ({"y": [1e300] * 10}, "what is added to y is not finite"),
        ({"y": [1.0] * 9}, "9 numbers are added to the channels of y"),
        ({"a0": []}, "0 numbers are added to the channels of a0"),
    ],
)
def test_a_shift_of_nothing_or_that_does_not_fit_is_refused(tmp_path, shifts, said):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document() | {"bias_shifts": shifts}))
    with pytest.raises(UsageError, match=said) as refused:
        read(path, residual())
    assert len(str(refused.value).splitlines()) == 3


def rounded(found, seed=0):
    """The plan, whose first weight is rounded in another way than to the nearest integers."""
    codes = np.random.default_rng(seed).integers(-127, 128, (8, 3, 3, 3)).astype(np.int8)
    return replace(found, codes={"w1": codes})


def test_a_plan_with_chosen_codes_comes_back_from_two_files(tmp_path):
    program, found = made()
    first = rounded(found)
    assert write(first, tmp_path) == ("plan.json", "plan.npz")
    back = read(tmp_path / "plan.json", program, SCHEME)
    assert same(first, back)
    assert (back.codes["w1"].dtype, [*back.codes]) == (np.int8, ["w1"])
    np.testing.assert_array_equal(back.codes["w1"], first.codes["w1"])
    one, other = (insert(program, p, SCHEME) for p in (first, back))
    for name, value in one.graph.graph.initializers.items():
        twin = other.graph.graph.initializers[name]
        np.testing.assert_array_equal(value.const_value.numpy(), twin.const_value.numpy())
    np.testing.assert_array_equal(
        one.graph.graph.initializers["w1.integer"].const_value.numpy(), first.codes["w1"]
    )


def test_the_text_names_the_archive_and_its_hash(tmp_path):
    _, found = made()
    write(rounded(found), tmp_path)
    held = json.loads((tmp_path / "plan.json").read_text())
    digest = hashlib.sha256((tmp_path / "plan.npz").read_bytes()).hexdigest()
    assert held["codes"] == {"file": "plan.npz", "sha256": digest}
    assert dump(rounded(found)) != dump(rounded(found, seed=1))


def test_a_plan_whose_weights_are_simply_rounded_is_one_file(tmp_path):
    assert write(made()[1], tmp_path) == ("plan.json",)
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_a_table_of_another_version_is_refused_and_not_skipped(tmp_path):
    with pytest.raises(UsageError, match="not a quantization plan"):
        load(json.dumps(document() | {"factors": {"x": [1.0]}}).encode())


def test_the_plan_of_a_changed_model_is_told_and_not_taken_back(tmp_path):
    program, found = made()
    write(found, tmp_path, "smoothed at alpha 0.5: 2 inputs")
    held = json.loads((tmp_path / "plan.json").read_text())
    assert held["changed"] == "smoothed at alpha 0.5: 2 inputs"
    with pytest.raises(UsageError, match="changed first: smoothed at alpha") as refused:
        read(tmp_path / "plan.json", program)
    assert len(str(refused.value).splitlines()) == 3
