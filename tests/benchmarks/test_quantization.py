"""The quantization benchmark: it feeds all alike, tells noise from none, and forgets nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))

from quantization_contest import data, pace, score, shop, summary  # noqa: E402
from quantization_contest.course import Course, Effort, Laid  # noqa: E402
from quantization_contest.entrants import FLOAT, OURS, Entrant, entrants  # noqa: E402
from zoo.results import Results  # noqa: E402
from zoo.timing import Times  # noqa: E402

TEXT = """<ir_version: 8, opset_import: ["" : 18]>
g (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1.0, 2.0, 3.0}>
{ a = Mul(x, w)  y = Relu(a) }"""
STATEFUL = """<ir_version: 8, opset_import: ["" : 18]>
g (float[N, 3] x, float[2, N, 3] h, float r) => (float[2, N, 3] y)
{ a = Add(x, h)  y = Mul(a, r) }"""


def laid_out(folder: Path, samples: int = 8) -> Laid:
    laid = Laid(folder / "trained" / "net", folder / "made" / "net")
    laid.place.mkdir(parents=True)
    laid.work.mkdir(parents=True)
    onnx.save(onnx.parser.parse_model(TEXT), laid.place / "model.onnx")
    rows = np.random.default_rng(0).standard_normal((samples, 3)).astype(np.float32)
    np.savez(laid.place / "calibration.npz", x=rows)
    labels = np.maximum(rows * np.array([1, 2, 3]), 0).argmax(axis=1)
    np.savez(laid.place / "evaluation.npz", x=rows, labels=labels)
    return laid


def scored(laid: Laid, path: Path) -> dict[str, Any]:
    score.refer(laid.files | {"samples": 4})
    return score.score(laid.files | {"runtime": "onnxruntime", "limit": None, "path": str(path)})


class Pretended:
    """A shop whose tools write a file and whose runtimes always find the same noise."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, where: str, work: str, job: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(work)
        if work == "refer":
            return score.refer(job)
        if "out" in job:
            if where == "fails":
                return {"error": "crashed: SIGSEGV"}
            Path(job["out"]).write_bytes(b"a file")
        return {"cpu": 1.0, "peak_mb": 1.0, "db": 20.0, "noise": 0.01, "ms": {}}


def course(tmp_path: Path, given: Pretended, tools: dict[str, str]) -> Course:
    file = tmp_path / "results.jsonl"
    wanted = [Entrant("one", "works"), Entrant("other", "fails")]
    effort = Effort(samples=4, seconds=0.1, emulated=0, again=False)
    held: Any = given
    return Course(held, Results([file], file), effort, wanted, {"onnxruntime": "1"} | tools)


def test_every_entrant_has_a_name_of_its_own() -> None:
    names = [e.name for e in entrants()]
    assert len(names) == len({*names})
    assert {*OURS.values()} <= {*names}
    assert FLOAT not in names


def test_rows_become_batches_and_states_and_scalars_stay(tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(STATEFUL), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=np.ones((5, 3), np.float32),
             h=np.ones((5, 2, 1, 3), np.float32), r=np.ones(5, np.float32))  # fmt: skip
    found = list(data.table(tmp_path / "d.npz", tmp_path / "m.onnx").batches(4))
    assert len(found) == 5
    assert [found[0][n].shape for n in ("x", "h", "r")] == [(1, 3), (2, 1, 3), ()]


def test_rows_of_plain_inputs_are_run_together(tmp_path: Path) -> None:
    laid = laid_out(tmp_path)
    held = data.table(laid.place / "evaluation.npz", laid.place / "model.onnx")
    assert [f["x"].shape for f in held.batches(5)] == [(5, 3), (3, 3)]


def test_a_part_of_the_data_is_spread_over_all_of_it() -> None:
    rows = np.arange(100)
    assert data.spread(rows, 4).tolist() == [0, 33, 66, 99]
    assert data.spread(rows, 200) is rows


def test_the_same_model_makes_no_noise(tmp_path: Path) -> None:
    laid = laid_out(tmp_path)
    told = scored(laid, laid.place / "model.onnx")
    assert (told["db"], told["top1"]) == (200.0, 100.0)
    with np.load(laid.files["calibration"]) as drawn:
        assert len(drawn["x"]) == 4


def test_noise_is_the_share_of_the_power_that_is_wrong(tmp_path: Path) -> None:
    laid = laid_out(tmp_path)
    onnx.save(onnx.parser.parse_model(TEXT.replace("1.0, 2.0, 3.0", "1.1, 2.2, 3.3")),
              tmp_path / "louder.onnx")  # fmt: skip
    assert scored(laid, tmp_path / "louder.onnx")["db"] == pytest.approx(20.0, abs=0.01)


def test_outputs_that_are_no_numbers_are_the_worst() -> None:
    wanted = np.ones(3, np.float32)
    assert score.noise(np.array([1.0, np.nan, 1.0]), wanted) == 1e20
    assert score.noise(np.ones(2), wanted) == 1e20
    assert score.decibel(1e20) == -200.0


def test_a_run_is_taken_up_where_it_was(tmp_path: Path) -> None:
    laid, first, second = laid_out(tmp_path), Pretended(), Pretended()
    tools = {"works": "1", "fails": "1"}
    course(tmp_path, first, tools).visit(laid)
    course(tmp_path, second, tools).visit(laid)
    assert first.asked == ["refer", "works", "fails", "score/onnxruntime", "score/onnxruntime",
                           "pace/onnxruntime"]  # fmt: skip
    assert second.asked == []


def test_a_tool_of_another_version_is_run_again(tmp_path: Path) -> None:
    laid, later = laid_out(tmp_path), Pretended()
    course(tmp_path, Pretended(), {"works": "1", "fails": "1"}).visit(laid)
    course(tmp_path, later, {"works": "2", "fails": "1"}).visit(laid)
    assert later.asked == ["works"]  # its file is the same, and with it every figure


def test_a_failure_is_a_row(tmp_path: Path) -> None:
    course(tmp_path, Pretended(), {"works": "1", "fails": "1"}).visit(laid_out(tmp_path))
    rows = [json.loads(x) for x in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [r["error"] for r in rows if r.get("variant") == "other"] == ["crashed: SIGSEGV"]


def test_work_is_done_in_a_process_of_its_own(tmp_path: Path) -> None:
    laid = laid_out(tmp_path)
    opened = shop.Shop({"here": [sys.executable, str(ROOT / "quantization.py")]}, tmp_path / "log")
    try:
        told = opened.ask("here", "refer", laid.files | {"samples": 4})
        failed = opened.ask("here", "refer", laid.files | {"samples": 4, "model": "absent.onnx"})
    finally:
        opened.close()
    assert (told["samples"], told["top1"]) == (8, 100.0)
    assert "absent.onnx" in failed["error"]


def test_a_server_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    opened = shop.Shop({"here": [sys.executable, "-c", "raise SystemExit"]}, tmp_path / "log")
    assert "ended" in opened.ask("here", "refer", {})["error"]
    opened.close()


@pytest.mark.parametrize(
    ("kept", "lost", "believed"), [(50, 0, True), (50, 5, False), (1, 0, False), (0, 60, False)]
)
def test_a_busy_core_gives_no_latency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int, lost: int, believed: bool
) -> None:
    laid = laid_out(tmp_path)
    times = Times([0.001] * kept, [0.004] * lost)
    monkeypatch.setattr(pace, "interleaved", lambda runs, _: dict.fromkeys(runs, times))
    paths = {FLOAT: laid.files["model"], "other": laid.files["model"]}
    told = pace.pace(laid.files | {"runtime": "onnxruntime", "paths": paths, "seconds": 0.0})
    assert ("ms" in told, "error" in told) == (believed, not believed)


def test_a_speed_that_was_not_measured_is_said_to_be_so() -> None:
    results = contest([(OURS["vnni"], 0.002, 89.5)])
    results.add(kind="onnxruntime pace", model="net", error="the core was busy")
    told = summary.show(summary.View(results, vnni=True), rows=False)
    assert "- net: not measured: the core was busy" in told
    assert "x float" not in told


def row(name: str, noise: float, top1: float) -> dict[str, Any]:
    return {"kind": "onnxruntime", "model": "net", "variant": name, "noise": noise,
            "db": score.decibel(noise), "top1": top1, "digest": name}  # fmt: skip


def contest(rows: list[tuple[str, float, float]], given: str = "same") -> Results:
    """Every row is of the file that its maker made of the same samples."""
    results = Results([])
    results.add(kind="reference", model="net")
    for name, noise, top1 in rows:
        results.add(**row(name, noise, top1))
        told = "same" if name in OURS.values() else given
        results.add(kind="made", model="net", variant=name, given=told, digest=name)
    return results


def test_the_summary_holds_ours_against_the_best_of_the_others() -> None:
    ours = OURS["vnni"]
    results = contest([(FLOAT, 1e-12, 90.0), (ours, 0.002, 89.5), ("ort a", 0.004, 89.0),
                       ("ort b", 0.1, 80.0), ("ort c", 0.001, 89.0)])  # fmt: skip
    times = {FLOAT: 3.0, ours: 2.0, "ort a": 1.0, "ort b": 1.0, "ort c": 1.5}
    digests = {n: n for n in times}
    results.add(kind="onnxruntime pace", model="net", ms=times, digests=digests)
    told = summary.show(summary.View(results, vnni=True), rows=False)
    assert "- net: 2.00 (27.0 dB; ort c: 30.0 dB)" in told
    assert "- net: 0.50 (least of the vendors: 1.00)" in told
    assert "- net: 1.50x float; 0.75 of ort c, the fastest as accurate" in told


def test_who_was_given_other_samples_is_not_compared() -> None:
    view = summary.View(contest([(OURS["vnni"], 0.002, 0), ("ort a", 0.004, 0)], "other"), True)
    assert view.vendors("onnxruntime", "net") == {}


def test_figures_of_a_file_that_was_made_anew_are_not_shown() -> None:
    ours = OURS["vnni"]
    results = contest([(FLOAT, 1e-12, 90.0), (ours, 0.002, 89.5)])
    old = {FLOAT: FLOAT, ours: "before"}
    results.add(kind="onnxruntime pace", model="net", ms={FLOAT: 2.0, ours: 1.0}, digests=old)
    view = summary.View(results, vnni=True)
    assert view.speed("onnxruntime", "net", ours) is None
    results.add(**row(ours, 0.001, 89.5) | {"digest": "before"})
    assert view.scored("onnxruntime", "net", ours) == {}


def test_the_summary_takes_the_build_that_is_meant_for_the_processor() -> None:
    view = summary.View(Results([]), vnni=True)
    assert [view.ours(r) for r in ("onnxruntime", "haswell")] == [OURS["vnni"], OURS["avx2"]]
    assert summary.View(Results([]), vnni=False).ours("openvino") == OURS["avx2"]
