from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from mcompile.errors import SamplesError, UsageError
from mcompile.measure.accuracy import METRICS, find


def logits(*rows):
    return {"y": np.asarray(rows, np.float32)}


def test_top1_is_a_hit_or_a_miss():
    assert find("top1").score(logits([1, 3, 2]), np.asarray(1)) == 100
    assert find("top1").score(logits([1, 3, 2]), np.asarray(2)) == 0


def test_top5_takes_the_five_best():
    outputs = logits([0, 1, 2, 3, 4, 5, 6])
    assert [find("top5").score(outputs, np.asarray(k)) for k in range(7)] == [0, 0] + [100] * 5


def test_a_batch_is_worth_the_mean_of_its_rows():
    assert find("top1").score(logits([1, 0], [1, 0]), np.asarray([0, 1])) == 50


@given(some.arrays(np.int8, (3, 6)), st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_top1_is_arg_max_even_where_integers_tie(outputs, labels):
    expected = 100 * np.mean(outputs.argmax(axis=1) == labels)
    assert find("top1").score({"y": outputs}, np.asarray(labels)) == pytest.approx(expected)


def test_a_row_with_nan_is_never_right():
    assert find("top1").score(logits([np.nan, 5, 0]), np.asarray(1)) == 0
    assert find("top5").score(logits([np.nan, 5, 0]), np.asarray(0)) == 0


@pytest.mark.parametrize("label", [3, -1, 0.5])
def test_a_label_that_is_no_class_is_refused(label):
    with pytest.raises(SamplesError, match="not a class"):
        find("top1").score(logits([1, 2, 3]), np.asarray(label))


def test_more_labels_than_rows_are_refused():
    with pytest.raises(SamplesError, match="2 labels for 1 rows"):
        find("top1").score(logits([1, 2, 3]), np.asarray([0, 1]))


def test_mae_is_lower_where_better():
    assert find("mae").score(logits([1, 2]), np.asarray([2, 4])) == 1.5
    assert not METRICS["mae"].higher_is_better


def test_cosine_is_of_directions():
    assert find("cosine").score(logits([2, 0]), np.asarray([5, 0])) == pytest.approx(1)
    assert find("cosine").score(logits([2, 0]), np.asarray([0, 1])) == pytest.approx(0)
    assert find("cosine").score(logits([0, 0]), np.asarray([0, 1])) == 0


def test_a_label_of_another_size_is_refused():
    with pytest.raises(SamplesError, match="a label of 3 numbers for an output of 2"):
        find("mae").score(logits([1, 2]), np.zeros(3))


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "mcompile_test_metric.py").write_text(
        "def share(outputs, label): return float((outputs['y'] == label).mean())\n"
        "def loss(outputs, label): return 0.25\n"
        "loss.lower_is_better = True\n"
        "def fails(outputs, label): raise KeyError('boxes')\n"
        "constant = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "mcompile_test_metric"


def test_an_own_callable_gets_the_outputs_by_name_and_the_label(own):
    metric = find(f"{own}:share")
    assert metric.score(logits([1, 2]), np.asarray([1, 0])) == 0.5
    assert metric.higher_is_better


def test_an_own_callable_says_that_lower_is_better(own):
    assert not find(f"{own}:loss").higher_is_better


def test_an_own_callable_that_fails_is_the_users_to_mend(own):
    with pytest.raises(UsageError, match="failed on a sample") as caught:
        find(f"{own}:fails").score(logits([1]), np.asarray(0))
    assert "KeyError: 'boxes'" in caught.value.where


@pytest.mark.parametrize("name", ["no_such_module_here:f", "math:no_such_function"])
def test_an_own_callable_that_cannot_be_imported_is_refused(name):
    with pytest.raises(UsageError, match="no_such"):
        find(name)


def test_an_own_name_that_is_no_function_is_refused(own):
    with pytest.raises(UsageError, match="cannot be called"):
        find(f"{own}:constant")


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(UsageError, match="top_1 is not a metric") as caught:
        find("top_1")
    assert caught.value.fix == "top1 or top5"
    with pytest.raises(UsageError) as caught:
        find("zzzzzz")
    assert "MODULE:CALLABLE" in caught.value.fix
