"""The agreement of runtimes: its arithmetic, what it prints, and that it builds as users do."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))

from agreement_matrix import building, matrix  # noqa: E402
from agreement_matrix.building import Form, Source  # noqa: E402
from quantization_contest.data import table  # noqa: E402

from mcompile import registry  # noqa: E402
from mcompile.errors import BackendMissing  # noqa: E402

MODEL = """<ir_version: 8, opset_import: ["" : 18]>
g (float[N, 8] x) => (float[N, 4] y) { h = MatMul(x, w)  y = Relu(h) }"""
ROWS = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)


def source(folder: Path) -> Source:
    graph = onnx.parser.parse_model(MODEL)
    weights = np.random.default_rng(1).standard_normal((8, 4)).astype(np.float32)
    graph.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    onnx.save(graph, folder / "model.onnx")
    np.savez(folder / "calibration.npz", x=ROWS)
    return Source(folder / "model.onnx", folder / "calibration.npz", len(ROWS))


def noisy(share: float) -> np.ndarray:
    wanted = np.eye(4, dtype=np.float32)
    return wanted * (1 + share)


def test_outputs_are_pooled_and_held_against_the_first_of_a_pair() -> None:
    one = {"a": np.full((2, 2), 3.0, np.float32), "b": np.full((2, 2), 1.0, np.float32)}
    other = one | {"b": np.full((2, 2), 2.0, np.float32)}
    assert matrix.sqnr_db(one, other) == pytest.approx(10.0)
    assert matrix.sqnr_db(other, one) == pytest.approx(10 * np.log10(13))
    assert matrix.sqnr_db(one, one) == 200.0


def test_outputs_without_a_fraction_are_no_noise() -> None:
    one = {"a": np.ones((2, 2), np.float32), "n": np.array([1, 2])}
    assert matrix.sqnr_db(one, one | {"n": np.array([9, 9])}) == 200.0


def test_the_first_output_says_which_class_is_chosen() -> None:
    one = {"logits": np.eye(4, dtype=np.float32), "more": np.zeros((4, 4), np.float32)}
    other = {"logits": np.eye(4, dtype=np.float32)[[0, 1, 2, 2]], "more": np.eye(4)}
    assert matrix.top1(one, other) == 75.0


def test_every_pair_is_in_the_matrix_once() -> None:
    found = {"oracle": {"y": noisy(0)}, "a fp32": {"y": noisy(0.01)}, "b fp32": {"y": noisy(0.1)}}
    told = matrix.show(found, labelled=True).splitlines()
    assert told[0] == "| SQNR, dB | a fp32 | b fp32 |"
    assert told[2:4] == ["| oracle | 40.0 | 20.0 |", "| a fp32 |  | 21.0 |"]
    assert told[5:] == ["| same top-1, % | a fp32 | b fp32 |", "|---|---|---|",
                        "| oracle | 100.00 | 100.00 |", "| a fp32 |  | 100.00 |"]  # fmt: skip
    assert "top-1" not in matrix.show(found, labelled=False)


def test_runtimes_are_told_apart_by_their_distance_from_the_oracle() -> None:
    def forms(first: float, second: float) -> dict[str, dict[str, np.ndarray]]:
        shares = {"oracle": 0, "a fp32": 0, "b fp32": 1e-5, "a int8": first, "b int8": second}
        return {name: {"y": noisy(share)} for name, share in shares.items()}

    told = matrix.verdicts({"near": forms(0.1, 0.101), "far": forms(0.1, 0.2)}).splitlines()
    assert told[2] == "| near | a, b | 20.0, 19.9 | 0.09 | 60.8 | 100.0 |"
    assert told[3] == "| far | a, b | 20.0, 14.0 | 6.02 | 20.8 | 100.0 |"
    assert told[-1] == "1 of 2 within 0.5 dB; median 3.05, worst 6.02 dB"


def test_one_runtime_alone_is_compared_with_none() -> None:
    alone = {"net": {"oracle": {"y": noisy(0)}, "a fp32": {"y": noisy(0)}, "a int8": {}}}
    assert matrix.verdicts(alone).endswith("nothing to compare: one runtime alone")


def test_a_backend_is_built_for_a_profile_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"onnxruntime": registry.backend("onnxruntime"), "tensorrt": object(),
            "litert": BackendMissing("no SDK")}  # fmt: skip
    monkeypatch.setattr(registry, "backends", lambda: held)
    found, missing = building.runtimes("cpu-server")
    assert found["onnxruntime"] == "cpu-server"
    assert found["tensorrt"] != "cpu-server"
    assert missing == {"litert": "no SDK"}


def test_a_build_computes_what_the_model_computes(tmp_path: Path) -> None:
    held = source(tmp_path)
    samples = table(held.calibration, held.model)
    wanted = building.reference(held, samples)
    np.testing.assert_allclose(
        wanted["y"], np.maximum(ROWS @ onnx.numpy_helper.to_array(
            onnx.load(held.model).graph.initializer[0]), 0), atol=1e-5)  # fmt: skip
    built = building.build(held, Form("onnxruntime", "int8", "cpu-server"), tmp_path)
    assert 25 < matrix.sqnr_db(wanted, building.outputs(built, samples)) < 80
    assert (tmp_path / "ranges").exists()
