"""The ONNX standard's node tests through the lowering, against ONNX Runtime.

Each is written as it is, and where that is refused with its inputs from the second on made
constants. A case ends as `ok`, as a refusal of a class that TABLE knows, or wrong. Cases run one
behind another in a forked process, whose end is the fault of the case it was at.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.errors import CompileError, LoweringError
from mcompile.profile import Device, Target
from mcompile.types import Precision
from tests.compiler import standard

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in forked processes")
SHARDS = 8
TARGET = Target("desk", "d", "litert", Precision.FP32, Device(arch="x86_64"))
TABLE = {
    "no operator": "no builtin operator|LiteRT has no|not of the standard",
    "known too late": "known before|when the model runs|computed when|is computed|computed",
    "type": "does not compute on|does not know|of type|bits|strings?|sequence|optional|type",
    "form": "",
}
"""Classes of refusals by what they say, the first that fits."""
NOT_RUN = "not run"
LEAST_OK = 0.55
"""Share of the cases that are run; what is refused is counted by its class."""


def test_of_each_class(shard_results):
    wrong = {n: r for n, r in shard_results.items() if r.startswith("WRONG")}
    assert not wrong, "\n".join(f"{n}: {r}" for n, r in wrong.items())


@pytest.fixture(params=range(SHARDS))
def shard_results(request):
    return results_of(request.param)


@cache
def results_of(shard):
    return dict(in_children([c for c in standard.share(shard, SHARDS) if c.kind == "node"]))


def test_how_many_are_held():
    results = [r for shard in range(SHARDS) for r in results_of(shard).values()]
    counts = Counter(r.split(":")[0] for r in results)
    assert counts["ok"] >= LEAST_OK * (len(results) - counts[NOT_RUN]), counts


def in_children(cases):
    """Name and outcome of each case; a process that ends early is followed by another."""
    while cases:
        reached = 0
        for reached, outcome in enumerate(_child(cases), 1):
            yield cases[reached - 1].name, outcome
        if reached < len(cases):
            yield cases[reached].name, "WRONG: the runtime ended the process"
            reached += 1
        cases = cases[reached:]


def _child(cases):
    """Outcomes in order, for as long as the process lives that works them out."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with os.fdopen(writing, "wb") as out:
            for case in cases:
                pickle.dump(outcome_of(case), out)
                out.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as found:
        for _ in cases:
            try:
                yield pickle.load(found)
            except EOFError:
                break
    os.waitpid(child, 0)


def outcome_of(case):
    try:
        model, rows = standard.content(case)
        given = rows[0]
        model = standard.lowered(model)
        want = standard.run(model, given, [v.name for v in model.graph.input])
    except Exception as error:
        return f"{NOT_RUN}: {' '.join(str(error).split())[:80]}"
    first = judged(model, given, want)
    if not first.startswith("refused"):
        return first
    try:
        baked = standard.fixed(model, given, 1)
    except Exception:
        return first
    if baked is None:
        return first
    kept = {v.name for v in baked.graph.input}
    names = [v.name for v in model.graph.input]
    rest = [g for n, g in zip(names, given, strict=False) if n in kept]
    return judged(baked, rest, want)


def judged(model, given, want):
    names = [v.name for v in model.graph.input]
    try:
        program = graph.program("case", ir.from_proto(model))
        graph.infer_shapes(program)
        program = graph.program("case", program.graph)
        with tempfile.TemporaryDirectory() as folder:
            artifact = Litert().lower(program, TARGET, Path(folder))
            feeds = {n: np.asarray(standard._plain(g)) for n, g in zip(names, given, strict=False)}
            with Litert().open(artifact, Path(folder), 1) as runner:
                got = runner.run({n: feeds[n] for n in (p.name for p in program.inputs)})
    except CompileError as error:
        what = str(error.what)
        return f"refused: {class_of(what)}: {what}" if refuses(error) else f"WRONG: {error}"
    except Exception as error:
        return f"WRONG: {type(error).__name__} {error}"
    found = [d for n in want if (d := standard.difference(want[n], got[n]))]
    return f"WRONG: {found[0]}" if found else "ok"


def refuses(error):
    """Whether the compiler said no, and not the runtime to what the compiler wrote."""
    return isinstance(error, LoweringError) and not str(error.what).startswith("the runtime")


def class_of(what):
    return next(name for name, says in TABLE.items() if re.search(says, what))


def main(pattern):
    """Print what became of the cases of matching names."""
    cases = [c for c in standard.cases() if c.kind == "node" and re.search(pattern, c.name)]
    results = dict(in_children(cases))
    for name, result in results.items():
        if result != "ok" and not ("-q" in sys.argv and not result.startswith("WRONG")):
            print(name, result[:200])
    print(
        Counter(
            ": ".join(r.split(": ")[:2]) if r[:3] == "ref" else r.split(":")[0]
            for r in results.values()
        )
    )
