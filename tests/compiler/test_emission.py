"""Forms as their backend writes them, and what another vendor's compiler says to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcompile import emission, graph
from mcompile.emission import opinion, written
from mcompile.errors import BackendMissing, LoweringError
from mcompile.forms import Made
from mcompile.journal import Journal
from mcompile.options import Options
from mcompile.record import Log
from mcompile.request import resolve
from mcompile.types import Precision


@pytest.fixture
def program():
    return graph.parse(
        '<ir_version: 8, opset_import: ["": 17]>\n'
        "net (float[1,4] x) => (float[1,4] y) { y = MatMul(x, w) }",
        {"w": np.eye(4, dtype=np.float32)},
    )


class Judge:
    """A second compiler that notes what it was shown."""

    def __init__(self, error: LoweringError | None = None) -> None:
        self.seen: list[Precision] = []
        self.error = error

    def accepts(self, artifact, folder: Path, target) -> str:
        assert (folder / artifact.files[0].path).is_file()
        self.seen.append(target.precision)
        if self.error:
            raise self.error
        return "accepted by the other one"


@pytest.fixture
def request_(monkeypatch):
    asked = resolve("net.onnx", Options(target="cpu-server", precision="fp32"))
    monkeypatch.setattr(type(asked.backend), "second", "other")
    return replace(asked, precisions=(Precision.FP16, Precision.FP32))


def lowered(request, program, folder):
    made = {p: Made(program) for p in request.precisions}
    journal = Journal(lambda _: None)
    name = request.backend.name
    forms = written(
        request, journal, programs={name: (program, Log())}, made={name: (made, {})}, out=folder
    )
    return forms, journal.stages[0].summary


def test_the_form_that_was_asked_for_is_shown_to_the_other(
    request_, program, tmp_path, monkeypatch
) -> None:
    judge = Judge()
    monkeypatch.setattr(emission.registry, "backend", lambda _: judge)
    forms, summary = lowered(request_, program, tmp_path)
    assert list(forms) == [Precision.FP16, Precision.FP32]
    assert judge.seen == [Precision.FP16]
    assert summary.endswith("accepted by the other one")


def test_what_the_other_refuses_is_not_built(request_, program, tmp_path, monkeypatch) -> None:
    judge = Judge(LoweringError("no such op", where="node y (MatMul)"))
    monkeypatch.setattr(emission.registry, "backend", lambda _: judge)
    with pytest.raises(LoweringError, match="no such op"):
        lowered(request_, program, tmp_path)


def test_where_the_other_is_not_installed_the_summary_says_so(
    request_, program, tmp_path, monkeypatch
) -> None:
    def missing(name):
        raise BackendMissing("not here", fix=f"pip install {name}")

    monkeypatch.setattr(emission.registry, "backend", missing)
    assert lowered(request_, program, tmp_path)[1].endswith("no second opinion: pip install other")


def test_most_backends_ask_nobody(program, tmp_path, monkeypatch) -> None:
    asked = resolve("net.onnx", Options(target="cpu-server", precision="fp32"))
    artifact = asked.backend.lower(program, asked.target, tmp_path)
    monkeypatch.setattr(emission.registry, "backend", lambda _: pytest.fail("asked"))
    assert opinion(asked, artifact, tmp_path) == ""


def test_an_operator_set_that_the_target_cannot_read_is_refused(program, tmp_path) -> None:
    asked = resolve("net.onnx", Options(target="cpu-server", precision="fp32"))
    older = replace(asked.target, runtime=replace(asked.target.runtime, max_opset=13))
    with pytest.raises(LoweringError, match="opset 17, and cpu-server reads up to 13"):
        lowered(replace(asked, target=older), program, tmp_path)


def test_what_a_file_is_made_of_stands_behind_its_size(program, tmp_path) -> None:
    asked = resolve(
        "net.onnx", Options(target="raspberry-pi-4", precision="fp32", backend="litert")
    )
    assert lowered(asked, program, tmp_path)[1] == "fp32 0.0 MB, 1 operator, 0 TRANSPOSEs"


def test_a_form_to_compare_with_may_be_missing_and_the_asked_one_may_not(
    request_, program, tmp_path, monkeypatch
) -> None:
    lower = type(request_.backend).lower

    def refuse(self, given, target, out):
        if target.precision is refused:
            raise LoweringError("no such product", where="node y (MatMul)")
        return lower(self, given, target, out)

    monkeypatch.setattr(emission.registry, "backend", lambda _: Judge())
    monkeypatch.setattr(type(request_.backend), "lower", refuse)
    refused = Precision.FP32
    forms, summary = lowered(request_, program, tmp_path / "one")
    assert list(forms) == [Precision.FP16]
    assert "no fp32 to compare with: no such product" in summary
    refused = Precision.FP16
    with pytest.raises(LoweringError, match="no such product"):
        lowered(request_, program, tmp_path / "two")
