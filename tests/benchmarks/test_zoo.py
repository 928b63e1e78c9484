"""The zoo's judges: they tell equal from unequal, and refuse what proves nothing."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))

from zoo import judge, sameness, summary  # noqa: E402
from zoo.results import Results  # noqa: E402

TEXT = """<ir_version: 8, opset_import: ["" : 18]>
g (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1.0, 2.0, 3.0}>
{ a = Mul(x, w)  y = Relu(a) }"""


def model(text: str = TEXT) -> onnx.ModelProto:
    return onnx.parser.parse_model(text)


def export(folder: Path, text: str = TEXT) -> dict[str, str]:
    """What an export leaves behind, its reference included."""
    onnx.save(model(text), folder / "raw.onnx")
    rng = np.random.default_rng(0)
    for k in range(2):
        np.savez(folder / f"feeds{k}.npz", x=rng.standard_normal((k + 1, 3), dtype=np.float32))
    return {"folder": str(folder), "variant": "raw"}


def judged(folder: Path, text: str) -> dict[str, object]:
    job = export(folder)
    judge.refer(job)
    onnx.save(model(text), folder / "other.onnx")
    return judge.judge(job | {"path": str(folder / "other.onnx")})


def test_a_file_that_computes_the_same_is_valid_and_equal(tmp_path: Path) -> None:
    told = judged(tmp_path, TEXT.replace("Mul(x, w)", "Mul(w, x)"))
    assert (told["valid"], told["equal"], told["why"]) == (True, True, "")


def test_a_weight_that_moved_is_unequal(tmp_path: Path) -> None:
    told = judged(tmp_path, TEXT.replace("2.0", "2.01"))
    assert (told["valid"], told["equal"]) == (True, False)
    assert "off by" in str(told["why"])


def test_a_file_that_the_checker_refuses_is_invalid(tmp_path: Path) -> None:
    told = judged(tmp_path, TEXT.replace("Relu(a)", "Relu(b)"))
    assert (told["valid"], told["equal"]) == (False, False)


def test_a_batch_that_was_baked_in_is_unequal(tmp_path: Path) -> None:
    told = judged(tmp_path, TEXT.replace("[N, 3]", "[1, 3]"))
    assert (told["valid"], told["equal"]) == (True, False)
    assert "does not run" in str(told["why"])


def test_a_reference_that_never_moves_is_refused_as_vacuous(tmp_path: Path) -> None:
    job = export(tmp_path, TEXT.replace("{1.0, 2.0, 3.0}", "{0.0, 0.0, 0.0}"))
    assert judge.refer(job)["refused"].startswith("vacuous")


def test_integers_differ_by_any_step_but_those_that_rounding_flips() -> None:
    want = np.array([3, 4, 5])
    assert judge.difference(np.array([3, 4, 6]), want, want)[0] == "1 of 3 differ"
    assert not judge.difference(np.array([3, 4, 6]), want, np.array([3, 4, 4]))[0]


def test_infinities_in_other_places_differ() -> None:
    want = np.array([1.0, math.inf], np.float32)
    assert judge.difference(np.array([1.0, 2.0], np.float32), want, want)[0]


def test_a_digest_does_not_see_names() -> None:
    renamed = TEXT.replace("a = ", "hidden = ").replace("Relu(a)", "Relu(hidden)")
    assert sameness.digest(model(renamed)) == sameness.digest(model())


@pytest.mark.parametrize(("old", "new"), [("2.0", "2.5"), ("Relu", "Abs"), ("18", "19")])
def test_a_digest_sees_values_ops_and_opsets(old: str, new: str) -> None:
    assert sameness.digest(model(TEXT.replace(old, new))) != sameness.digest(model())


def test_the_later_row_holds_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    first = {"kind": "tool", "model": "m", "variant": "raw", "tool": "t", "equal": False}
    file.write_text(json.dumps(first) + "\n" + json.dumps(first | {"equal": True}) + '\n{"kind')
    assert Results([file]).get("tool", "m", "raw", "t")["equal"] is True


def test_a_child_that_crashes_is_told_and_the_next_is_served() -> None:
    code = (
        f"import sys, os; sys.path.insert(0, {str(ROOT)!r})\n"
        "from zoo.workshop import serve\n"
        "serve(lambda job: os.abort() if job['bad'] else 7, 20.0)"
    )
    jobs = "".join(json.dumps({"bad": bad}) + "\n" for bad in (True, False))
    done = subprocess.run(
        [sys.executable, "-c", code], input=jobs, capture_output=True, text=True, check=True
    )
    crashed, well = (json.loads(line) for line in done.stdout.splitlines())
    assert crashed["error"] == "crashed: SIGABRT"
    assert well["value"] == 7


def test_the_summary_names_where_ours_is_behind(capsys: pytest.CaptureFixture[str]) -> None:
    results = Results([])
    results.add(kind="export", model="m", variant="raw", pays="", nodes=4, mb=1.0, refused="")
    digests = {"original": "a", "mcompile": "b", "onnxsim": "c"}
    results.add(
        kind="latency", model="m", variant="raw", runtime="openvino", digests=digests,
        ms={"original": 2.0, "mcompile": 1.1, "onnxsim": 1.0},
    )  # fmt: skip
    summary.show(results, rows=False)
    assert "1.100  m.raw" in capsys.readouterr().out
