"""The compiler in a process of its own: its answer, its refusals, its end."""

import pytest

from .desk import product, program  # skips without the package

from mcompile.backends.tensorrt_rtx import builder, compilation  # isort: skip
from mcompile.backends.tensorrt_rtx.compilation import compiled  # isort: skip
from mcompile.errors import LoweringError  # isort: skip
from mcompile.graph import save  # isort: skip


@pytest.fixture
def model(tmp_path):
    save(product(), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_the_engine_is_the_one_that_is_made_here(model, tmp_path):
    found = compiled(model, ["8.9"], product(), tmp_path / "a")
    builder.answer(
        {"model": str(model), "capabilities": ["SM89"], "engine": str(tmp_path / "b"), "batch": 16}
    )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert found.ports == {"x": "FLOAT", "y": "FLOAT"}
    assert found.seconds > 0
    assert found.peak_mb > 20


def test_a_refusal_names_node_and_op(model):
    with pytest.raises(LoweringError, match="cannot compile") as caught:
        compiled(model, ["7.5"], product())
    assert caught.value.where.startswith("node mul (MatMul): ")


def test_nothing_of_the_libraries_is_printed(tmp_path, capfd):
    """The parser writes of this type to the process' own stderr, whatever logger it has."""
    short = program("y = Cast <to = 1> (x)", "(int16[1,4] x) => (float[1,4] y)")
    save(short, tmp_path / "model.onnx")
    with pytest.raises(LoweringError):
        compiled(tmp_path / "model.onnx", [], short)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os; os.abort()", "exit status"),
        ("import sys; sys.exit('out of memory')", "out of memory"),
        ("import time; time.sleep(60)", "no answer in 0.5 s"),
    ],
)
def test_a_compiler_that_breaks_off_is_an_error_of_ours(code, told, model, tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.setattr(builder, "__file__", str(tmp_path / "broken.py"))
    if "sleep" in code:
        monkeypatch.setattr(compilation, "_SECONDS", 0.5)
    with pytest.raises(LoweringError, match="broke off") as caught:
        compiled(model, ["8.9"], product())
    assert told in caught.value.where
    assert caught.value.fix
