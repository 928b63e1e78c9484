"""One pass over the data: what it remembers, what it refuses, where it goes on."""

import tracemalloc
from itertools import islice

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.errors import SamplesError
from mcompile.oracle import Oracle
from mcompile.quantize import observe
from mcompile.types import Sample, Samples

from .nets import residual, samples


def test_ranges_are_those_of_the_reference_run():
    program = residual()
    data = samples(program, 3)
    found = observe(program, data)
    oracle = Oracle(program, ["s"])
    held = np.concatenate([oracle.run(s.feeds)["s"].ravel() for s in data])
    np.testing.assert_allclose([found["s"].low, found["s"].high], [held.min(), held.max()], 1e-5)
    assert found["s"].counts.sum() == held.size


def test_inputs_are_observed_and_weights_are_not():
    program = residual()
    found = observe(program, samples(program, 2))
    assert "x" in found
    assert "y" in found
    assert not {"w1", "b1"} & set(found)


def test_what_weighted_layers_read_is_observed_by_channel():
    program = residual()
    data = samples(program, 3)
    found = observe(program, data)
    assert {n: [*f.channels] for n, f in found.items() if f.channels} == {
        "x": [1], "a": [1], "p": [1], "f": [-1],
    }  # fmt: skip
    oracle = Oracle(program, ["a", "f"])
    held = [oracle.run(s.feeds) for s in data]
    low = np.concatenate([h["a"] for h in held]).min(axis=(0, 2, 3))
    high = np.concatenate([h["f"] for h in held]).max(axis=0)
    np.testing.assert_allclose(found["a"].channels[1].low, low, 1e-5)
    np.testing.assert_allclose(found["f"].channels[-1].high, high, 1e-5)


def test_integers_are_passed_over_and_shapes_may_change_from_sample_to_sample():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[n,k,3] x, int64[1] i) => (float[n,k,2] y, int64[1] j) {
          m = MatMul(x, w)
          y = Relu(m)
          j = Add(i, i)
        }""",
        {"w": np.eye(3, 2, dtype=np.float32)},
    )
    graph.infer_shapes(program)
    rng = np.random.default_rng(0)
    shapes = [(1, 4, 3), (2, 1, 3), (1, 0, 3), (3, 5, 3)]
    feeds = [
        Sample({"x": rng.standard_normal(s).astype(np.float32), "i": np.ones(1, np.int64)})
        for s in shapes
    ]
    found = observe(program, Samples("sentences", lambda: iter(feeds)))
    assert [*found] == ["x", "m", "y"]
    assert found["x"].counts.sum() == sum(np.prod(s) for s in shapes)
    held = np.concatenate([f.feeds["x"].reshape(-1, 3) for f in feeds])
    np.testing.assert_array_equal(found["x"].channels[-1].high, held.max(axis=0))


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path):
    program = residual()

    def peak(count):
        tracemalloc.start()
        observe(program, samples(program, count), kept=tmp_path / f"{count}.npz")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    assert peak(80) < 1.25 * peak(8)  # all that 72 samples make would be more than twice that


def test_no_samples_are_refused():
    with pytest.raises(SamplesError, match="no calibration samples"):
        observe(residual(), Samples("nothing", lambda: iter(())))


@pytest.mark.parametrize("value", [3e38, np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_or_overflows_inside_the_net_is_named(value):
    bad = Sample({"x": np.full((1, 3, 16, 16), value, np.float32)}, name="glare.png")
    with pytest.raises(SamplesError, match=r"not finite on calibration sample glare\.png"):
        observe(residual(), Samples("photos", lambda: iter([bad])))


def near(one, other):
    """Whether two passes found the same but for the order of sums: they watched other tensors."""
    assert {*one} == {*other}
    for name, found in one.items():
        same = other[name]
        np.testing.assert_allclose([found.low, found.high], [same.low, same.high], 1e-5)
        assert (found.counts.sum(), {*found.channels}) == (same.counts.sum(), {*same.channels})
        for axis, ends in found.channels.items():
            np.testing.assert_allclose(ends.low, same.channels[axis].low, 1e-5)
            np.testing.assert_allclose(ends.high, same.channels[axis].high, 1e-5)
    return True


def equal(one, other):
    """Whether two passes found the same, bit for bit."""
    assert {*one} == {*other}
    for name, found in one.items():
        same = other[name]
        assert (found.low, found.high, found.bound) == (same.low, same.high, same.bound)
        assert (found.zeros, {*found.channels}) == (same.zeros, {*same.channels})
        np.testing.assert_array_equal(found.counts, same.counts)
        for axis, ends in found.channels.items():
            np.testing.assert_array_equal(ends.low, same.channels[axis].low)
            np.testing.assert_array_equal(ends.high, same.channels[axis].high)
    return True


def stopping(data, after):
    """The samples, until the user loses patience."""

    def stream():
        yield from islice(iter(data), after)
        raise KeyboardInterrupt

    return Samples(data.source, stream, data.count)


@pytest.fixture
def runs(monkeypatch):
    """The inner tensors that each run of the net was asked for."""
    found, run = [], Oracle.run

    def counted(self, feeds):
        held = run(self, feeds)
        found.append({*held})
        return held

    monkeypatch.setattr(Oracle, "run", counted)
    return found


def test_a_pass_that_was_killed_goes_on_where_it_was_saved_last(tmp_path, runs):
    program, path = residual(), tmp_path / "ranges.npz"
    data = samples(program, 8)
    whole = observe(program, data)
    with pytest.raises(KeyboardInterrupt):
        observe(program, stopping(data, 5), kept=path, every=2)
    runs.clear()
    assert equal(observe(program, data, kept=path, every=2), whole)
    assert len(runs) == 4  # samples 4 to 7: the fifth was seen and not yet saved


def test_a_finished_pass_is_not_repeated_nor_written_again(tmp_path, runs):
    program, path = residual(), tmp_path / "ranges.npz"
    data = samples(program, 5)
    whole = observe(program, data, kept=path)
    written = path.stat().st_mtime_ns
    runs.clear()
    assert equal(observe(program, data, kept=path), whole)
    assert not runs
    assert path.stat().st_mtime_ns == written


def test_more_samples_of_the_same_source_are_added(tmp_path, runs):
    program, path = residual(), tmp_path / "ranges.npz"
    observe(program, samples(program, 3), kept=path)
    runs.clear()
    found = observe(program, samples(program, 7), kept=path)
    assert len(runs) == 4
    assert equal(found, observe(program, samples(program, 7)))


def other_form():
    """The residual net as another target has it: renamed, and its head an op of its own."""
    program = residual()
    body = program.graph.graph
    for value in graph.values(body):
        if value.name in {"a0", "a", "b"}:
            value.name = f"{value.name}_renamed"
    gemm = body[-1]
    gemm.attributes["alpha"] = ir.AttrFloat32("alpha", 2.0)
    return program


def test_another_form_of_the_model_runs_for_what_is_new_in_it_alone(tmp_path, runs):
    program, other, path = residual(), other_form(), tmp_path / "ranges.npz"
    data = samples(program, 4)
    first = observe(program, data, kept=path)
    runs.clear()
    found = observe(other, data, kept=path)
    assert runs == [{"y"}] * 4
    assert equal(found, observe(other, data))
    assert equal({"a": found["a_renamed"]}, {"a": first["a"]})
    runs.clear()
    assert equal(observe(program, data, kept=path), first)
    assert equal(observe(other, data, kept=path), found)
    assert not runs


def test_a_tensor_that_is_now_read_by_channel_is_observed_again(tmp_path):
    program, path = residual(), tmp_path / "ranges.npz"
    data = samples(program, 3)
    plain = residual()
    gemm = plain.graph.graph[-1]
    flat = gemm.inputs[0]
    relu = ir.node("Relu", [flat])
    plain.graph.graph.outputs[0].name = "old"
    relu.outputs[0].name, relu.outputs[0].type = "y", flat.type
    plain.graph.graph.append(relu)
    plain.graph.graph.outputs[0] = relu.outputs[0]
    plain.graph.graph.remove(gemm, safe=True)
    plain = graph.program("plain", plain.graph)
    assert not observe(plain, data, kept=path)["f"].channels
    assert near(observe(program, data, kept=path), observe(program, data))


def test_equal_tensors_share_what_was_observed(tmp_path):
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,3] x) => (float[1,2] y) {
          a = Relu(x)
          b = Relu(x)
          c = MatMul(a, w)
          d = Tanh(b)
          e = ReduceSum(d)
          y = Add(c, e)
        }""",
        {"w": np.eye(3, 2, dtype=np.float32)},
    )
    graph.infer_shapes(program)
    found = observe(program, samples(program, 3), kept=tmp_path / "ranges.npz")
    assert equal({"a": found["a"]}, {"a": observe(program, samples(program, 3))["a"]})
    assert found["b"] is found["a"]


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        (1, {"count": 4}, "those of another model"),
        (0, {"count": 4, "seed": 9}, "observed on other samples"),
        (0, {"count": 6, "seed": 9}, "observed on other samples"),
        (0, {"count": 3}, "observed on 4 samples, and now there are 3"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path, model, data, said):
    path = tmp_path / "ranges.npz"
    observe(residual(), samples(residual(), 4), kept=path)
    before = path.read_bytes()
    program = residual(model)
    with pytest.raises(SamplesError, match=said) as refused:
        observe(program, samples(program, **data), kept=path)
    assert len(str(refused.value).splitlines()) == 3
    assert "ranges.npz" in refused.value.where
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "ranges.npz"
    path.write_text("ranges")
    with pytest.raises(SamplesError, match="damaged"):
        observe(residual(), samples(residual(), 2), kept=path)


def test_a_place_that_cannot_be_written_to_is_refused_before_the_first_run(tmp_path, runs):
    with pytest.raises(SamplesError, match="cannot be saved"):
        observe(residual(), samples(residual(), 2), kept=tmp_path / "no" / "ranges.npz")
    assert not runs
