"""The ONNX standard's own test models compute after all rules what they computed before.

Without verification: nothing may hide a wrong rewrite. Each model is run as it is, and again with
its inputs, all or all but the first, made constants, which is what lets most rules fire.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from . import standard

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = tomllib.loads(Path(__file__).with_name("standard_skips.toml").read_text(encoding="utf-8"))
SHARDS = 16
AS_IT_IS, ALL_BUT_FIRST, ALL = None, 1, 0
LEAST_RUN = 0.6


def explained(message):
    """The class of reasons that a message of the runtime belongs to; empty for none."""
    for row in TABLE["class"]:
        if any(re.search(pattern, message) for pattern in row["says"]):
            return row["name"]
    return ""


def outcomes(model, rows, names):
    return [standard.run(model, given, names) for given in rows]


def judged(case, first):
    """What became of a case: `equal`, `nothing to fix`, why it cannot be run, or what is wrong."""
    model, rows = standard.content(case)
    names = [v.name for v in model.graph.input]
    if first is not None:
        rows = rows[:1]
        model = standard.fixed(model, rows[0], first)
        if model is None:
            return "nothing to fix"
    model = standard.lowered(model)
    try:
        want = outcomes(model, rows, names)
    except Exception as error:
        reason = explained(str(error))
        return reason or f"WRONG: cannot be run, and no class says why: {error}"
    return compared(model, rows, names, want)


def compared(model, rows, names, want):
    try:
        after, wrong = standard.optimized(model)
        got = outcomes(after, rows, names)
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}"
    for one, other in zip(want, got, strict=True):
        if list(one) != list(other):
            wrong.append(f"outputs are {list(other)} and were {list(one)}")
        wrong += [f"{n} is {d}" for n in one if (d := standard.difference(one[n], other.get(n)))]
    return f"WRONG: {'; '.join(wrong)}" if wrong else "equal"


@cache
def outcomes_of(shard, first):
    return {f"{c.kind}/{c.name}": judged(c, first) for c in standard.share(shard, SHARDS)}


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize(
    "first",
    [
        pytest.param(AS_IT_IS, id="as-it-is"),
        pytest.param(ALL_BUT_FIRST, id="all-but-first-fixed"),
        pytest.param(ALL, id="all-fixed"),
    ],
)
def test_every_model_of_the_standard_computes_the_same(shard, first):
    found = outcomes_of(shard, first)
    counts = Counter("wrong" if t.startswith("WRONG") else t for t in found.values())
    print(dict(counts))
    assert not {name: text for name, text in found.items() if text.startswith("WRONG")}
    assert counts["equal"] >= LEAST_RUN * (len(found) - counts["nothing to fix"])


@pytest.mark.slow  # all shards in one process
def test_each_reason_explains_as_many_models_as_were_counted():
    if TABLE["counted"] != {"onnx": onnx.__version__, "onnxruntime": ort.__version__}:
        pytest.skip(f"counted with {TABLE['counted']}")
    counts = Counter(t for s in range(SHARDS) for t in outcomes_of(s, AS_IT_IS).values())
    rows = [row for row in TABLE["class"] if not row.get("depends_on_machine")]
    assert {row["name"]: counts[row["name"]] for row in rows} == {
        row["name"]: row["cases"] for row in rows
    }


def test_no_kind_of_model_is_forgotten():
    assert standard.kinds() - {*TABLE["left_out"]} <= {*standard.KINDS, "light"}


@pytest.mark.parametrize("name", standard.networks())
def test_the_networks_of_the_standard_compute_the_same_and_do_not_grow(name):
    model = standard.lowered(onnx.load(standard.networks()[name]))
    ports = {v.name: v.type.tensor_type.shape.dim for v in model.graph.input}
    ports = {n: d for n, d in ports.items() if n not in {t.name for t in model.graph.initializer}}
    rng = np.random.default_rng(0)
    rows = [[rng.standard_normal([d.dim_value for d in s], np.float32) for s in ports.values()]]
    assert compared(model, rows, list(ports), outcomes(model, rows, list(ports))) == "equal"
    assert standard.optimized(model)[0].ByteSize() < model.ByteSize() + 1_000_000


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Could not find an implementation for Add(6) node", "no kernel"),
        ("Opset 28 is under development", "operator set"),
        ("Failed to construct locale with name:en_US.UTF-8", "locale"),
        ("the runtime crashed", ""),
    ],
)
def test_only_known_reasons_count(message, reason):
    assert reason in explained(message)
    assert bool(explained(message)) == bool(reason)


def test_what_differs_is_seen():
    one = np.array([1.0, np.nan, 2.0], np.float32)
    assert not standard.difference([one, None, "a"], [one.copy(), None, "a"])
    assert not standard.difference(one, one * np.float32(1 + 1e-6))
    for other in (one + 1, one[:2], one.astype(np.float64), np.nan_to_num(one), [one], None):
        assert standard.difference(one, other)
    assert standard.difference(np.array([1, 2]), np.array([1, 3]))
    assert standard.difference(np.array(["a"], object), np.array(["b"], object))
