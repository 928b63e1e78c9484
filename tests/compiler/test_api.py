"""The same from Python: a module in memory, samples of any kind, a report in return."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import mcompile
from mcompile.errors import SamplesError, SourceError, TargetError, UsageError
from mcompile.types import Precision

QUICK = {"runs": 3, "seconds": 0.5, "threads": 1}


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 6 * 6, 5),
    ).eval()


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_a_module_in_memory_and_a_list_of_tensors_become_an_artifact(
    net, pictures, tmp_path
) -> None:
    heard: list[str] = []
    report = mcompile.build(
        net,
        target="cpu-server",
        precision="int8",
        inputs=["image=F32[1,3,8,8]"],
        calibration=[p[None] for p in pictures],
        out=str(tmp_path),
        watch=heard.append,
        **QUICK,
    )
    assert report.ok
    assert report.built is Precision.INT8
    assert isinstance(report, mcompile.Report)
    assert isinstance(report.artifact, mcompile.Artifact)
    assert report.artifact.inputs[0].name == "image"
    assert heard[0] == "captured"
    assert heard[-1] == "judged"
    folder = Path(report.folder)
    assert folder == tmp_path / "sequential-cpu-server-int8"
    assert json.loads((folder / "artifact.json").read_text())["built"] == "int8"


def test_a_data_loader_is_samples_with_labels(net, pictures, tmp_path) -> None:
    with torch.no_grad():
        labels = net(pictures).argmax(1)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(pictures, labels), batch_size=4
    )
    report = mcompile.build(
        net,
        target="cpu-server",
        inputs="F32[1,3,8,8]",
        evaluation=loader,
        budgets={"accuracy_min": 101, "size_mb": 5},
        out=str(tmp_path),
        **QUICK,
    )
    verdicts = {c.name: c.verdict.value for c in report.checks}
    assert report.variants[0].find("accuracy").value == 100.0
    # A budget that fails is no error: it is what the report says.
    assert (verdicts["accuracy_min"], verdicts["size_mb"]) == ("failed", "passed")
    assert not report.ok


def test_an_onnx_model_in_memory_is_optimized_and_left_as_it_was() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        affine (float[N, 3] x) => (float[N, 3] y) { a = Identity(x) y = Relu(a) }"""
    )
    better, log = mcompile.optimize(model)
    assert isinstance(better, mcompile.Program)
    assert [n.op_type for n in better.graph.graph] == ["Relu"]
    assert [a.rule for a in log.applied] == ["drop_identity"]
    assert [n.op_type for n in model.graph.node] == ["Identity", "Relu"]
    same, log = mcompile.optimize(model, skip=("drop_identity",))
    assert [n.op_type for n in same.graph.graph] == ["Identity", "Relu"]
    assert log.applied == ()


def test_a_target_is_loaded_by_name_or_file(tmp_path) -> None:
    found = mcompile.load_target("cpu-server")
    assert isinstance(found, mcompile.Target)
    assert found.backend == "onnxruntime"
    (tmp_path / "mine.toml").write_text('extends = "cpu-server"\ntitle = "mine"\n')
    assert mcompile.load_target(str(tmp_path / "mine.toml")).title == "mine"
    with pytest.raises(TargetError) as caught:
        mcompile.load_target("cpu-servr")
    assert "cpu-server" in caught.value.fix


def test_an_unknown_keyword_leads_to_the_nearest(net) -> None:
    with pytest.raises(UsageError, match="presicion is not an option") as caught:
        mcompile.build(net, target="cpu-server", presicion="int8")
    assert "precision" in caught.value.fix


@pytest.mark.parametrize("source", [3, None, object(), b"bytes", np.zeros(3)])
def test_what_is_no_model_is_refused(source) -> None:
    with pytest.raises(SourceError, match="not a model"):
        mcompile.build(source, target="cpu-server")


def test_what_can_be_read_only_once_is_refused(net, pictures, tmp_path) -> None:
    with pytest.raises(SamplesError, match="read only once"):
        mcompile.build(
            net, target="cpu-server", precision="int8", inputs=["F32[1,3,8,8]"],
            calibration=iter([p[None] for p in pictures]), out=str(tmp_path),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_the_public_names_are_there_and_no_others() -> None:
    for name in mcompile.__all__:
        assert getattr(mcompile, name)
    with pytest.raises(AttributeError, match="no attribute 'Samples'"):
        _ = mcompile.Samples
