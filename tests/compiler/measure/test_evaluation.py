from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import SamplesError, UsageError
from mcompile.measure.accuracy import Metric, find
from mcompile.measure.evaluation import evaluate
from mcompile.oracle import Oracle
from mcompile.types import Sample, Samples


def samples(count=8, *, labelled=True, same=False):
    made = np.random.default_rng(3).standard_normal((count, 1, 4)).astype(np.float32)
    rows = [
        Sample({"x": made[0 if same else i]}, np.asarray(i % 3) if labelled else None)
        for i in range(count)
    ]
    return Samples("eight seeded rows", lambda: iter(rows), count)


def values(evaluation):
    return {m.name: m.value for m in evaluation.measured}


def shift(outputs):
    return {n: a + np.float32(0.01) for n, a in outputs.items()}


def test_one_pass_serves_every_runner(linear, executor):
    read = []
    data = samples()
    counted = Samples("x", lambda: (read.append(s) or s for s in data), 8)
    runners = {"oracle": Oracle(linear), "a": executor(linear), "b": executor(linear, shift)}
    found = evaluate(runners, counted, find("top1"))
    assert len(read) == 8
    assert set(found) == {"oracle", "a", "b"}
    assert [len(runners[n].calls) for n in "ab"] == [8, 8]


def test_an_equal_runner_agrees_wholly(linear, executor):
    found = evaluate({"oracle": Oracle(linear), "a": executor(linear)}, samples(), find("top1"))
    rows = values(found["a"])
    expected = {"agreement": 100, "error_rate": 0, "finite_outputs": 0, "output_shapes": 0}
    assert expected.items() <= rows.items()
    assert rows["sqnr_db"] == 200
    assert rows["accuracy"] == found["oracle"].find("accuracy").value


def test_accuracy_is_the_mean_over_the_samples(linear):
    oracle = Oracle(linear)
    hits = [oracle.run(s.feeds)["y"].argmax() == s.label for s in samples()]
    row = evaluate({"oracle": oracle}, samples(), find("top1"))["oracle"].find("accuracy")
    assert row.value == pytest.approx(100 * np.mean(hits))
    assert (row.unit, row.note) == ("%", "top1; 8 samples")


def test_a_metric_that_is_better_when_lower_keeps_its_own_name(linear):
    label = np.zeros(3)
    rows = [Sample({"x": np.ones((1, 4), np.float32)}, label)]
    found = evaluate({"oracle": Oracle(linear)}, Samples("x", lambda: iter(rows)), find("mae"))
    assert found["oracle"].find("mae") is not None
    assert found["oracle"].find("accuracy") is None


def test_the_reference_is_not_held_against_itself(linear):
    names = values(evaluate({"oracle": Oracle(linear)}, samples(), None)["oracle"])
    assert set(names) == {"error_rate", "finite_outputs"}


def test_error_is_seen_in_decibels_and_in_size(linear, executor):
    runners = {"oracle": Oracle(linear), "a": executor(linear, shift)}
    found = evaluate(runners, samples(), None)["a"]
    reference = np.stack([runners["oracle"].run(s.feeds)["y"] for s in samples()])
    noise = (np.float64(reference) - (reference + np.float32(0.01))) ** 2
    power = (np.float64(reference) ** 2).sum()
    assert found.find("sqnr_db").value == pytest.approx(10 * np.log10(power / noise.sum()))
    assert found.find("max_abs_error").value == pytest.approx(0.01, rel=1e-3)
    assert found.outputs[0].name == "y"
    assert found.outputs[0].sqnr_db == found.find("sqnr_db").value


def test_samples_with_nan_are_counted_and_disagree(linear, executor):
    def spoil(outputs):
        y = outputs["y"].copy()
        y[y < -1] = np.nan
        return {"y": y}

    runners = {"oracle": Oracle(linear), "a": executor(linear, spoil)}
    bad = sum((runners["oracle"].run(s.feeds)["y"] < -1).any() for s in samples())
    rows = values(evaluate(runners, samples(), None)["a"])
    assert 0 < bad < 8
    assert rows["finite_outputs"] == bad
    assert rows["error_rate"] == pytest.approx(100 * bad / 8)
    assert rows["agreement"] == pytest.approx(100 - 100 * bad / 8)
    assert rows["sqnr_db"] == -200


@pytest.mark.parametrize("spoil", [lambda f: {"y": f["y"].reshape(3, 1)}, lambda f: {"z": f["y"]}])
def test_wrong_shapes_and_missing_outputs_are_counted(linear, executor, spoil):
    runners = {"oracle": Oracle(linear), "a": executor(linear, spoil)}
    rows = values(evaluate(runners, samples(), None)["a"])
    assert rows["output_shapes"] == 8
    assert rows["error_rate"] == 100
    assert "sqnr_db" not in rows


def test_a_reference_that_never_changes_proves_nothing(linear, executor):
    runners = {"oracle": Oracle(linear), "a": executor(linear)}
    found = evaluate(runners, samples(same=True), None)["a"]
    assert "y is the same for every sample" in found.vacuous
    for name in ("sqnr_db", "agreement", "max_abs_error"):
        assert found.find(name).counts is False
        assert "proves nothing" in found.find(name).doubt
    assert found.find("output_shapes").counts
    assert not found.outputs[0].varies


def test_without_labels_nothing_is_said_of_accuracy(linear):
    found = evaluate({"oracle": Oracle(linear)}, samples(labelled=False), find("top1"))
    assert found["oracle"].find("accuracy") is None


def test_labels_on_some_samples_only_are_refused(linear):
    rows = [*samples(2), *samples(2, labelled=False)]
    with pytest.raises(SamplesError, match="2 of 4 samples have a label"):
        evaluate({"oracle": Oracle(linear)}, Samples("x", lambda: iter(rows)), find("top1"))


def test_no_samples_are_refused(linear):
    with pytest.raises(SamplesError, match="no samples"):
        evaluate({"oracle": Oracle(linear)}, Samples("x", lambda: iter(())), None)


def test_a_label_that_does_not_fit_names_its_sample(linear):
    row = Sample({"x": np.ones((1, 4), np.float32)}, np.asarray(7), "cat.jpg")
    with pytest.raises(SamplesError, match="not a class") as caught:
        evaluate({"oracle": Oracle(linear)}, Samples("x", lambda: iter([row])), find("top1"))
    assert "sample cat.jpg" in caught.value.where


def test_a_metric_that_fails_names_its_sample(linear):
    def fails(*_):
        raise UsageError("no", where="there", fix="mend")

    with pytest.raises(UsageError) as caught:
        evaluate({"oracle": Oracle(linear)}, samples(), Metric("own", "", True, fails))
    assert caught.value.where == "sample 0: there"


def test_a_metric_that_gives_nan_makes_the_accuracy_nan(linear):
    metric = Metric("own", "", True, lambda *_: float("nan"))
    found = evaluate({"oracle": Oracle(linear)}, samples(), metric)
    assert np.isnan(found["oracle"].find("accuracy").value)
