"""The benchmark against NNCF's IR: what is compared with what, and by which clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))

from quantization_contest import ir_summary, kernel_table, pace  # noqa: E402
from quantization_contest.course import Course, Effort, Laid  # noqa: E402
from quantization_contest.entrants import OURS, Entrant, on_openvino  # noqa: E402
from quantization_contest.summary import View  # noqa: E402
from zoo.results import Results  # noqa: E402
from zoo.timing import Times  # noqa: E402

MINE = OURS["vnni"]
DEFAULT, SHARP = ir_summary.DEFAULT, "nncf ir mixed"
NOISES = {MINE: 0.001, DEFAULT: 0.004, SHARP: 0.0016}
TIMES = {MINE: 1.0, DEFAULT: 2.0, SHARP: 0.8}


def contest(clock: str = "ms", model: str = "net", **changed: Any) -> View:
    """Three files of a network, all of the same samples, each with its figures."""
    results = Results([])
    results.add(kind="reference", model=model)
    for name, noise in (NOISES | changed.pop("noises", {})).items():
        results.add(kind="made", model=model, variant=name, given="", digest=name, mb=1.0)
        results.add(kind="openvino", model=model, variant=name, noise=noise, db=1.0, digest=name)
    digests = {n: n for n in TIMES} | changed.pop("digests", {})
    told = {clock: TIMES, "digests": digests} | changed
    for kind in ("openvino pace", "openvino load"):
        results.add(kind=kind, model=model, **told)
    return View(results, vnni=True)


def rows(view: View) -> list[str]:
    return [r for r in ir_summary.show(view, rows=False).splitlines() if r.startswith("| net")]


def test_ours_is_held_against_the_default_and_the_most_accurate_setting() -> None:
    default, sharp = rows(contest())
    assert default == ("| net | 0.50 (1 / 2 ms) | 0.25 (0.001 / 0.004) | 0.50 (1 / 2 ms) "
                       f"| 1.00 (1 / 1 MB) |  | {DEFAULT} |")  # fmt: skip
    assert "| 1.25 (1 / 0.8 ms) | 0.62 (0.001 / 0.0016) |" in sharp
    assert sharp.endswith(f"| {SHARP} |")


def test_limits_are_those_of_the_median() -> None:
    told = ir_summary.show(contest(), rows=False)
    assert (
        "- latency: median 0.50, worst 0.50 of 1 (wanted: at most 1.05 in the median: kept)" in told
    )
    assert (
        "- noise: median 0.62, worst 0.62 of 1 (wanted: at most 0.50 in the median: missed)" in told
    )
    assert "- compile time: median 1.25" in told


def test_a_busy_core_is_told_and_its_cpu_time_taken() -> None:
    view = contest("cpu_ms", error="the core was busy")
    assert "| 0.50 (1 / 2 ms) |" in rows(view)[0]
    told = ir_summary.show(view, rows=False)
    assert "- net, latency: CPU time; the core was busy" in told
    assert "CPU time" not in ir_summary.show(contest(), rows=False)


def test_times_of_a_file_that_was_made_anew_are_not_shown() -> None:
    view = contest(digests={MINE: "before"})
    assert view.spent("openvino pace", "net", MINE) is None
    assert "- latency: not measured" in ir_summary.show(view, rows=False)


def test_every_setting_is_in_the_whole_table() -> None:
    told = ir_summary.show(contest(), rows=True)
    assert f"| {SHARP}  | 0.8 | 0.0016 | 0.8 | 1 | 1 |  |  |" in told


def test_settings_of_nncf_keep_its_guard_only_where_products_saturate() -> None:
    names = {isa: [e.name for e in on_openvino(isa)] for isa in OURS}
    for isa, found in names.items():
        assert len(found) == len({*found})
        assert {OURS[isa], DEFAULT} <= {*found}
    assert [n for n in names["vnni"] if "off" in n]
    assert not [n for n in names["avx2"] if "off" in n]


class Pretended:
    """A shop that answers as OpenVINO's servers do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, _: str, work: str, job: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((work, job))
        if "out" in job:
            Path(job["out"]).write_text(job["out"])
        return {"cpu": 1.0, "peak_mb": 1.0, "db": 20.0, "noise": 0.01, "ms": {}}


def test_runs_and_compilation_are_timed_where_both_were_asked_for(tmp_path: Path) -> None:
    laid = Laid(tmp_path / "trained" / "net", tmp_path / "made" / "net")
    laid.place.mkdir(parents=True)
    laid.work.mkdir(parents=True)
    for path in laid.files.values():
        Path(path).write_bytes(b"x")
    held: Any = Pretended()
    effort = Effort(4, 0.5, 0, False, loading=2.5)
    wanted = [Entrant("one", "ours", {"backend": "openvino"}, "model.xml")]
    versions = {"openvino": "1", "ours": "1"}
    assert Course(held, Results([]), effort, wanted, versions).lay(laid)
    Course(held, Results([]), effort, wanted, versions).visit(laid)
    timed = {w: (j["seconds"], [*j["paths"]]) for w, j in held.asked if "seconds" in j}
    assert timed == {"pace/openvino": (0.5, ["float", "one"]),
                     "load/openvino": (2.5, ["float", "one"])}  # fmt: skip


def test_a_busy_core_still_gives_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def interleaved(runs: dict[str, Any], _: float) -> dict[str, Times]:
        for _ in range(3):
            runs["one"]()
        return {"one": Times([0.001], [0.004] * 9)}

    monkeypatch.setattr(pace, "interleaved", interleaved)
    told = pace.medians({"one": lambda: sum(range(20000))}, 1.0, 1)
    assert "busy" in told["error"]
    assert "ms" not in told
    assert 0 < told["cpu_ms"]["one"] < 1000


def test_kernels_are_grouped_and_the_slowest_come_first() -> None:
    told = {"operations": {"Convolution": 2, "Add": 1}, "constants": 3, "constant_bytes": 2500,
            "kernels": [["a", "Reorder", "jit", 0.1], ["b", "Convolution", "brg_I8", 0.2],
                        ["c", "Convolution", "brg_I8", 0.3]]}  # fmt: skip
    assert kernel_table.described(told).splitlines() == [
        "3 operations: 2 Convolution, 1 Add",
        "3 constants of 2.5 kB",
        "3 kernels, 0.600 ms",
        "",
        "       0.5000 ms    2 Convolution brg_I8",
        "       0.1000 ms    1 Reorder jit",
    ]


def test_scripts_beside_the_benchmark_still_import_the_runtime(tmp_path: Path) -> None:
    package = tmp_path / "openvino"
    package.mkdir()
    (package / "__init__.py").write_text("NAME = 'the runtime'")
    (package / "inner.py").write_text("NAME = 'its module'")
    code = (f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]\n"
            "import openvino.inner, json\n"
            "print(json.dumps([openvino.NAME, openvino.inner.NAME, sys.path[0]]))")  # fmt: skip
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == ["the runtime", "its module", str(ROOT)]
