from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.estimate.liveness import Span, peak_activation, peak_bytes
from mcompile.types import Provenance

HEAD = '<ir_version: 8, opset_import: ["": 17]>'


def peak_of(text, weights=None):
    return round(peak_activation(graph.parse(text, weights)).value * 1e6)


@st.composite
def nets(draw):
    """(widths, reads): node k concatenates what it reads, widths count floats."""
    widths, reads = [draw(st.integers(1, 9))], []
    for _ in range(draw(st.integers(1, 8))):
        chosen = draw(st.lists(st.integers(0, len(widths) - 1), min_size=1, max_size=3))
        reads.append(chosen)
        widths.append(sum(widths[i] for i in chosen))
    return widths, reads


def brute_force(widths, reads):
    """Walk the steps; before each, throw away what no later step nor the output needs."""
    most, held = 0, {0}
    for step, inputs in enumerate(reads):
        held.add(step + 1)
        later = {i for r in reads[step:] for i in r} | {len(widths) - 1} | {step + 1}
        held &= later | set(inputs)
        most = max(most, sum(4 * widths[i] for i in held))
    return max(most, 4 * widths[0])


@settings(max_examples=80, deadline=None)
@given(nets())
def test_the_peak_is_that_of_walking_the_graph(net):
    widths, reads = net
    nodes = "\n".join(
        f"t{k + 1} = Concat <axis = 0> ({', '.join(f't{i}' for i in r)})"
        for k, r in enumerate(reads)
    )
    last = len(widths) - 1
    text = f"{HEAD} net (float[{widths[0]}] t0) => (float[{widths[-1]}] t{last}) {{ {nodes} }}"
    assert peak_of(text) == brute_force(widths, reads)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(-1, 20), st.integers(0, 9)), max_size=12))
def test_the_peak_is_the_largest_sum_over_all_steps(rows):
    spans = [Span(size, born, born + length) for size, born, length in rows]
    at = [sum(s.bytes for s in spans if s.born <= t <= s.dies) for t in range(-1, 40)]
    assert peak_bytes(spans) == max(at)


def test_views_share_their_inputs_storage():
    chain = f"""{HEAD} net (float[10] x) => (float[5, 2] y) {{
        a = Relu(x)
        b = Identity(a)
        y = Reshape(b, s)
    }}"""
    assert peak_of(chain, {"s": np.int64([5, 2])}) == 80


def test_a_view_keeps_its_storage_alive():
    text = f"""{HEAD} net (float[10] x) => (float[10] y) {{
        a = Relu(x)
        b = Identity(a)
        c = Neg(x)
        d = Neg(c)
        y = Add(d, b)
    }}"""
    assert peak_of(text) == 4 * 10 * 3


def test_quantized_tensors_are_kept_as_integers():
    text = f"""{HEAD} net (float[100] x) => (float[100] y) {{
        q = QuantizeLinear(x, s, z)
        d = DequantizeLinear(q, s, z)
        a = Neg(d)
        p = QuantizeLinear(a, s, z)
        e = DequantizeLinear(p, s, z)
        y = Relu(e)
    }}"""
    weights = {"s": np.float32(1), "z": np.uint8(0)}
    assert peak_of(text, weights) == 400 + 100


def test_constants_do_not_count():
    text = f"{HEAD} net (float[4] x) => (float[4] y) {{ y = Add(x, w) }}"
    assert peak_of(text, {"w": np.ones((1000, 4), np.float32)[0]}) == 32


def test_it_is_stated_where_all_is_known_and_a_lower_bound_where_not():
    text = f"{HEAD} net (float[N] x) => (float[N] y) {{ y = Relu(x) }}"
    program = graph.parse(text)
    open_row = peak_activation(program)
    assert (open_row.provenance, open_row.high) == (Provenance.PREDICTED, None)
    assert "2 tensors are not known" in open_row.note
    row = peak_activation(program, {"N": 1000})
    assert (row.provenance, row.value) == (Provenance.STATED, pytest.approx(0.008))


def test_what_a_body_reads_is_alive_until_then():
    text = f"""{HEAD} net (float[2] x, bool c) => (float[2] y) {{
        a = Relu(x)
        b = Neg(x)
        d = Abs(b)
        y = If (c) <
            then_branch = yes () => (float[2] e) {{ e = Add(a, d) }},
            else_branch = no () => (float[2] f) {{ f = Neg(d) }}
        >
    }}"""
    assert peak_of(text) == 3 * 8 + 1
