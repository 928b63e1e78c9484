"""A convolution of ones with ones adds up every tap that falls inside the image, once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.estimate.convolution import window
from mcompile.estimate.count import count
from mcompile.oracle import Oracle

small = st.integers(1, 3)


def text(op, shape, attributes):
    dims = ", ".join(map(str, shape))
    rank = ", ".join("ABCDE"[: len(shape)])
    return f"""<ir_version: 8, opset_import: ["": 17]>
net (float[{dims}] x) => (float[{rank}] y) {{ y = {op} <{attributes}> (x, w) }}"""


def net(op, shape, kernel, attributes):
    return graph.parse(text(op, shape, attributes), {"w": np.ones(kernel, np.float32)})


def summed(program, shape):
    return int(Oracle(program, threads=1).run({"x": np.ones(shape, np.float32)})["y"].sum())


def counted(program):
    (node,) = count(program).nodes
    return node.macs


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(small, small),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(small, small, small),
    st.tuples(small, small, small, small),
    st.tuples(*[st.integers(0, 3)] * 4),
)
def test_a_convolution_counts_the_taps_inside(channels, image, taps, steps, pads):
    groups, outputs = channels
    kernel, strides, dilations, batch = taps[:2], steps[:2], steps[2:], taps[2]
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        assume(image[axis] + pads[axis] + pads[axis + 2] >= reach)
    shape = (batch, 2 * groups, *image)
    program = net(
        "Conv",
        shape,
        (outputs * groups, 2, *kernel),
        f"group = {groups}, strides = [{strides[0]}, {strides[1]}], "
        f"dilations = [{dilations[0]}, {dilations[1]}], pads = {list(pads)}",
    )
    assert counted(program) == summed(program, shape)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 4),
    small,
    st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]),
)
def test_padding_that_the_runtime_chooses_is_followed(size, taps, stride, mode):
    assume(mode != "VALID" or size >= taps)
    shape = (1, 2, size)
    program = net("Conv", shape, (3, 2, taps), f'auto_pad = "{mode}", strides = [{stride}]')
    assert counted(program) == summed(program, shape)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.tuples(small, small), st.integers(0, 2), small)
def test_a_transposed_convolution_counts_what_lands_inside(size, taps, steps, pad, group):
    stride, dilation = steps
    whole = (size - 1) * stride + (taps - 1) * dilation + 1
    assume(whole > 2 * pad)
    shape = (2, 2 * group, size)
    program = net(
        "ConvTranspose",
        shape,
        (2 * group, 3, taps),
        f"group = {group}, strides = [{stride}], dilations = [{dilation}], pads = [{pad}, {pad}]",
    )
    assert counted(program) == summed(program, shape)


@pytest.mark.parametrize(
    ("extra", "size"), [("output_padding = [1]", 4), ("output_shape = [9]", 5)]
)
def test_a_transposed_convolution_of_a_wanted_size(extra, size):
    shape = (1, 1, size)
    program = net("ConvTranspose", shape, (1, 1, 3), f"strides = [2], {extra}")
    assert counted(program) == summed(program, shape)


def test_a_convolution_with_three_dimensions():
    shape = (1, 2, 4, 5, 6)
    program = net("Conv", shape, (3, 2, 3, 3, 3), "pads = [1, 1, 1, 1, 1, 1]")
    assert counted(program) == summed(program, shape)


def test_an_open_size_is_not_guessed():
    program = net("Conv", (1, 2, "H"), (3, 2, 3), "pads = [1, 1]")
    assert counted(program) is None
    assert count(program, {"H": 8}).macs == summed(program, (1, 2, 8))


def test_a_pooling_window_is_its_area():
    weights = {"w": np.ones((1, 1, 2, 3), np.float32)}
    program = graph.parse(text("Conv", (1, 1, 4, 4), "kernel_shape = [2, 3]"), weights)
    (node,) = program.graph.graph
    assert window(node) == 6
