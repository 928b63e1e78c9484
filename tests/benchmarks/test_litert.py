"""The benchmark against litert-torch and onnx2tf: what is compared with what, and what is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("ai_edge_litert")

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))

from litert_contest import cost, counting, course, ours, running, shop, summary  # noqa: E402
from litert_contest.figures import View  # noqa: E402
from litert_contest.shop import ONNX2TF, OURS, QUANTIZER, TORCH  # noqa: E402
from quantization_contest import score  # noqa: E402
from quantization_contest.course import Laid  # noqa: E402
from quantization_contest.score import noise  # noqa: E402
from zoo.results import Results  # noqa: E402

SECONDS = {OURS: 0.1, TORCH: 4.0, QUANTIZER: 1.0, ONNX2TF: 9.0}
NOISES = {"fp32": 1e-9, "int8": 0.01}
MODEL = """<ir_version: 8, opset_import: ["" : 18]>
g (float[1, 2, 6, 5] x) => (float[1, 3, 6, 5] y, float[1, 2] m) {
  y = Conv<kernel_shape = [1, 1]>(x, w)
  m = ReduceMean<keepdims = 0>(x, axes)
}"""


def contest(**changed: Any) -> View:
    """A trained network and one that is not, every file of which has its figures."""
    results = Results([])
    for model, trained in (("net", True), ("sized", False)):
        results.add(kind="reference", model=model, trained=trained)
        for precision, heard in NOISES.items():
            others = (TORCH, ONNX2TF) if precision == "fp32" else (QUANTIZER, ONNX2TF)
            names = [f"{t} {precision}" for t in (OURS, *others)]
            for name in names:
                tool = name.rsplit(" ", 1)[0]
                results.add(kind="made", model=model, variant=name, digest=name, mb=1.0,
                            seconds=SECONDS[tool], mb_on_top=5.0)  # fmt: skip
                told = changed.get(name, heard)
                results.add(kind="score", model=model, variant=name, key=name, noise=told)
                results.add(kind="count", model=model, variant=name, operators=7, transposes=2,
                            floats=0, edges=1, custom=0)  # fmt: skip
            for threads, ms in ((1, (2.0, 4.0, 3.0)), (2, (1.0, 0.8, 1.6))):
                results.add(kind=f"pace {precision} {threads}", model=model, clock="wall",
                            ms=dict(zip(names, ms, strict=True)))  # fmt: skip
    return View(results)


def lines(view: View, start: str) -> list[str]:
    return [x for x in summary.show(view.results).splitlines() if x.startswith(start)]


def test_ours_is_held_against_the_fastest_of_the_others() -> None:
    view = contest()
    assert view.slower("net", "fp32", 1) == pytest.approx(2 / 3)
    assert view.slower("net", "fp32", 2) == pytest.approx(1.25)


def test_a_fast_file_that_computes_something_else_is_out() -> None:
    view = contest(**{f"{TORCH} fp32": 0.3})
    assert view.slower("net", "fp32", 2) == pytest.approx(1 / 1.6)
    assert f"- net, {TORCH} fp32: 5.2 dB" in summary.show(view.results)


def test_ours_is_out_too_where_it_computes_something_else() -> None:
    assert contest(**{f"{OURS} int8": 1.5}).slower("net", "int8", 1) is None


def test_the_mean_and_the_worst_have_their_limits() -> None:
    one, two = lines(contest(), "1 thread:")[0], lines(contest(), "2 threads:")[0]
    assert "geometric mean 0.67 of 2 (wanted: at most 1.0: kept), worst 0.67, net" in one
    assert "geometric mean 1.25 of 2 (wanted: at most 1.0: missed)" in two
    assert "(wanted: at most 1.1: missed); 2 above it" in two


def test_the_mean_is_that_of_ratios() -> None:
    told = list(summary._latency_verdict("1 thread", {"a": 0.5, "b": 1.0}))[1]
    assert "geometric mean 0.71 of 2" in told
    assert "worst 1.00, b" in told


def test_noise_is_that_of_trained_networks() -> None:
    told = summary.show(contest(**{f"{OURS} int8": 0.004}).results)
    assert "median 0.40 of 1 (wanted: at most 0.5: kept), worst 0.40" in told
    assert "median 1.00 of 1 (wanted: at most 0.5: missed)" in summary.show(contest().results)


def test_costs_are_those_of_the_float_file() -> None:
    view = contest()
    assert view.cheaper("net") == pytest.approx(40)
    told = summary.show(view.results)
    assert "least 40, median 40 of 2 (wanted: at least 20: kept)" in told
    assert "most 0.10 s, net fp32 (wanted: at most 1 s: kept)" in told


def test_figures_of_an_older_file_are_not_told() -> None:
    view = contest()
    view.results.add(kind="score", model="net", variant=f"{OURS} fp32", key="older", noise=1e-9)
    assert view.slower("net", "fp32", 1) is None


def test_failures_are_told() -> None:
    view = contest()
    view.results.add(kind="made", model="net", variant=f"{ONNX2TF} fp32", error="it broke")
    assert f"- net, {ONNX2TF} fp32: it broke" in summary.show(view.results)
    assert view.slower("net", "fp32", 1) == pytest.approx(0.5)


def test_outputs_are_paired_by_nearness_whatever_their_order_and_layout() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.random((4, 2, 3, 3)), rng.random((4, 2, 3, 3))
    found = [two.transpose(0, 2, 3, 1), one.reshape(4, 18)]
    for made, wanted in zip(running.matched(found, [one, two]), (one, two), strict=True):
        assert noise(made, wanted) == 0


def test_an_output_that_is_missing_is_all_noise() -> None:
    made = running.matched([np.ones((4, 5))], [np.ones((4, 2))])
    assert noise(made[0], np.ones((4, 2))) > 1


def test_inputs_are_fed_as_the_file_wants_them() -> None:
    assert running._layout((1, 3, 8, 8), (1, 8, 8, 3)) == (0, 2, 3, 1)
    assert running._layout((1, 3, 8, 8), (-1, 3, 8, 8)) == (0, 1, 2, 3)
    with pytest.raises(ValueError, match="takes"):
        running._layout((1, 3, 8, 8), (1, 4, 8, 8))
    names = ["serving_default_args_1:0", "serving_default_args_0:0"]
    assert running._order(names, ["a", "b"]) == [1, 0]
    assert running._order(["b", "a"], ["a", "b"]) == [1, 0]
    assert running._order(["q", "p"], ["a", "b"]) == [0, 1]


MEMORY = """
import numpy as np
from litert_contest import cost
with cost.spent() as told:
    held = np.ones(16 << 20, np.uint8)
    del held
with cost.spent() as less:
    pass
print(told["mb_on_top"], less["mb_on_top"])
"""


def test_memory_is_what_the_work_took_on_top() -> None:
    """In a process of its own, as every job has: of ended children the largest ever counts."""
    place = Path(cost.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=place, check=True, capture_output=True, text=True
    )
    told, less = map(float, done.stdout.split())
    assert 15 < told < 64
    assert less < 8


class _Shop:
    """Does the works that need no other tool, in this process."""

    def ask(self, _: str, work: str, job: dict[str, Any]) -> dict[str, Any]:
        works = {f"make/{OURS}": ours.make, "score/litert": running.score,
                 "count/litert": counting.count, "refer/litert": score.refer}  # fmt: skip
        return works[work](job)


def test_our_files_are_made_judged_and_counted(tmp_path: Path) -> None:
    graph = onnx.parser.parse_model(MODEL)
    weights = np.random.default_rng(1).standard_normal((3, 2, 1, 1)).astype(np.float32)
    held = [onnx.numpy_helper.from_array(a, n)
            for n, a in (("w", weights), ("axes", np.array([2, 3])))]  # fmt: skip
    graph.graph.initializer.extend(held)
    place = tmp_path / "net"
    place.mkdir()
    onnx.save(graph, place / "model.onnx")
    rows = np.random.default_rng(0).standard_normal((8, 1, 2, 6, 5)).astype(np.float32)
    for name in ("calibration", "evaluation"):
        np.savez(place / f"{name}.npz", x=rows)
    results = Results([])
    given: Any = _Shop()
    visit = course.Course(given, results, course.Effort(8, 0.0, False), {OURS: "1"})
    visit.visit(Laid(place, tmp_path / "made"), trained=True)
    view = View(results)
    assert view.noise("net", OURS, "fp32") < 1e-10  # type: ignore[operator]
    assert 1e-9 < view.noise("net", OURS, "int8") < 1e-2  # type: ignore[operator]
    assert results.get("count", "net", f"{OURS} int8")["floats"] == 0
    assert results.get("made", "net", f"{OURS} fp32")["seconds"] < 5
    assert counting.rows(tmp_path / "made" / f"{OURS}-fp32.tflite")


def test_an_environment_that_is_not_named_is_left_out() -> None:
    assert set(shop.words(Path("litert.py"), "python", "")) == {OURS, "litert", TORCH}
