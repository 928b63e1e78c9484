"""Concats that drown a part: found, told what would help, and what leaving them float gives."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.concats import left_float, mixed

from .nets import SCHEME, samples

JOINING = replace(SCHEME, carried=SCHEME.carried | {"Concat"})


def head(boxes=200.0, tail="Abs"):
    """A detector's head: boxes in pixels beside scores, read in float and by one more layer."""
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.standard_normal((8, 3, 3, 3)).astype(np.float32) / 5,
        "w2": rng.standard_normal((4, 8, 1, 1)).astype(np.float32) * boxes / 3,
        "w3": rng.standard_normal((6, 8, 1, 1)).astype(np.float32) / 3,
        "w4": rng.standard_normal((2, 10, 1, 1)).astype(np.float32) / boxes,
    }
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[1,3,16,16] x) => (float[1,10,14,14] y, float[1,2,14,14] z) {{
      a = Conv(x, w1)
      f = Relu(a)
      box = Conv(f, w2)
      score = Conv(f, w3)
      h = Concat <axis = 1> (box, score)
      c = Conv(h, w4)
      y = {tail}(h)
      z = Abs(c)
    }}"""
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    return program


def planned(program, scheme=JOINING, keep=()):
    ranges = observe(program, samples(program))
    return ranges, plan(program, ranges, scheme, {}, keep)


def found_in(program, scheme=JOINING):
    ranges, found = planned(program, scheme)
    return mixed(program, ranges, found, scheme)


def score_db(program, found):
    """SQNR of the scores alone, on other samples."""
    one, two = Oracle(program), Oracle(insert(program, found, JOINING))
    feeds = [s.feeds for s in samples(program, 4, seed=7)]
    pairs = [(one.run(f)["y"][:, 4:].astype(np.float64), two.run(f)["y"][:, 4:]) for f in feeds]
    noise = sum(((a - b) ** 2).sum() for a, b in pairs)
    return 10 * np.log10(sum((a**2).sum() for a, _ in pairs) / noise)


def test_scores_beside_boxes_are_found_with_what_they_keep():
    (one,) = found_in(head())
    assert (one.name, one.part, one.way) == ("h", "score", "")
    assert one.times > 50
    assert one.shared_db < 10
    assert one.alone_db > 30
    assert str(one).startswith(f"its parts differ {one.times:.0f} times in range: score keeps")


def test_what_is_said_of_the_scores_is_what_the_program_does_and_left_float_they_come_back():
    program = head()
    ranges, joined = planned(program)
    kept = left_float(mixed(program, ranges, joined, JOINING))
    assert list(kept) == ["h"]
    before, after = score_db(program, joined), score_db(program, planned(program, keep=kept)[1])
    assert before < 10
    assert after > 25


def test_the_loss_is_that_of_really_rounding_the_part():
    program = head(boxes=20.0)
    ranges, found = planned(program)
    (one,) = mixed(program, ranges, found, JOINING)
    oracle = Oracle(program, ["score"])
    data = np.stack([oracle.run(s.feeds)["score"] for s in samples(program)])
    for step, told in [
        (float(found.tensors["h"].scale), one.shared_db),
        (float(found.tensors["h"].scale) / one.times, one.alone_db),
    ]:
        error = np.rint(data / step) * step - data
        assert 10 * np.log10((data**2).mean() / (error**2).mean()) == pytest.approx(told, abs=0.5)


def test_parts_of_similar_range_are_left_alone():
    assert found_in(head(boxes=2.0)) == []


def test_where_only_integers_read_it_leaving_it_float_would_not_help():
    """A pool reads it beside the layer, and hands on what it reads."""
    program = head(tail="Relu")
    scheme = replace(JOINING, carried=JOINING.carried | {"Relu"})
    text = head(tail="Relu")
    ranges, found = planned(text, scheme)
    left = replace(found, left_float={n: w for n, w in found.left_float.items() if n != "y"})
    (one,) = mixed(program, ranges, left, scheme)
    assert "read" in one.way
    assert left_float([one]) == {}


def test_an_integer_only_runtime_is_told_what_would_keep_the_part():
    scheme = replace(JOINING, integer_only=True)
    (one,) = found_in(head(), scheme)
    assert one.way.startswith("16-bit activations")
    assert left_float([one]) == {}
    assert found_in(head(), replace(scheme, activations="int16", symmetric_activations=True)) == []


def test_a_concat_that_stays_float_is_no_finding():
    program = head()
    assert found_in(program, SCHEME) == []
    ranges, found = planned(program, keep=["h"])
    assert mixed(program, ranges, found, JOINING) == []
