"""INT8 by the plan that measures best, or by the one that was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcompile import integers
from mcompile.integers import spread
from mcompile.journal import Journal
from mcompile.quantize import planfile
from mcompile.samples import open_samples

from .conftest import asked, inputs, program


def calibrated(count=12):
    given = program()
    return given, open_samples(inputs(count), given.inputs)


def made(tmp_path, count=12, **more):
    given, data = calibrated(count)
    journal = Journal()
    return integers.integers(asked(tmp_path, "int8", **more), given, (data, None), journal), journal


def test_above_the_floor_no_layer_is_kept_float(tmp_path):
    found, journal = made(tmp_path)
    assert found.plan.left_float == {}
    assert [s.name for s in journal.stages] == ["calibrated", "quantized"]
    assert journal.stages[-1].summary.startswith("4 of 4 Conv, Gemm, MatMul")


def test_a_budget_that_nothing_reaches_has_everything_tried(tmp_path):
    found, journal = made(tmp_path, budgets=("sqnr_db_min=150",))
    said = [t.how for t in found.chosen.tried]
    assert any("channels tuned" in how for how in said)
    assert any("the 2 noisiest layers float" in how for how in said)
    assert len(found.chosen.noise) == 4
    best = max(t.score.sqnr_db for t in found.chosen.tried)
    assert found.chosen.best.score.sqnr_db == best
    assert f"-> {best:.1f} dB: {found.chosen.best.how}" in journal.stages[-1].summary


def test_a_node_is_kept_float_where_asked(tmp_path):
    found, _ = made(tmp_path, 6, keep_float=("c0",))
    assert found.plan.left_float["c0"] == "kept float by request"


def test_ranges_are_kept_and_read_again(tmp_path):
    kept = str(tmp_path / "ranges.npz")
    first, _ = made(tmp_path, 4, ranges=kept)
    again, _ = made(tmp_path, 4, ranges=kept)
    assert (tmp_path / "ranges.npz").is_file()
    assert {n: (r.low, r.high) for n, r in again.ranges.items()} == {
        n: (r.low, r.high) for n, r in first.ranges.items()
    }


def test_a_share_of_the_values_clips_every_tensor(tmp_path):
    plain, clipped = (made(tmp_path, 4, percentile=p)[0] for p in (None, 90.0))
    assert (clipped.plan.tensors["x"].scale < plain.plan.tensors["x"].scale).all()


def test_the_same_data_give_the_same_plan(tmp_path):
    one, other = (made(tmp_path)[0].plan for _ in range(2))
    assert planfile.dump(one) == planfile.dump(other)


def test_a_thorough_search_is_never_the_worse_one(tmp_path):
    short, long = made(tmp_path)[0].chosen, made(tmp_path, thorough=0.0)[0].chosen
    assert long.best == short.best
    more = made(tmp_path, thorough=60.0)[0].chosen
    assert more.best.score.sqnr_db >= short.best.score.sqnr_db
    assert len(more.tried) > len(short.tried)


def test_what_was_rounded_is_kept_beside_the_ranges(tmp_path):
    made(tmp_path, thorough=60.0, ranges=str(tmp_path / "ranges.npz"))
    assert list(tmp_path.glob("ranges.npz.layers.*"))


def test_under_auto_what_was_rounded_is_kept_for_each_runtime(tmp_path):
    made(tmp_path, thorough=60.0, ranges=str(tmp_path / "ranges.npz"), backend="auto")
    assert list(tmp_path.glob("ranges.npz.onnxruntime.layers.*"))
    assert not list(tmp_path.glob("ranges.npz.layers.*"))


def test_samples_are_taken_from_all_over_the_stream():
    given = program()
    data = replace(open_samples(inputs(20), given.inputs), count=20)
    everything = [s.feeds["x"] for s in data]
    for count, wanted in ((5, [0, 5, 10, 14, 19]), (30, [*range(20)])):
        found = [s.feeds["x"] for s in spread(data, count)]
        np.testing.assert_array_equal(found, [everything[k] for k in wanted])
    unknown = spread(replace(data, count=None), 3)
    np.testing.assert_array_equal([s.feeds["x"] for s in unknown], everything[:3])
