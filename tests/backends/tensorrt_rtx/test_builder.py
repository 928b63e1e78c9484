"""NVIDIA's compiler in this process: what it answers."""

import numpy as np
import pytest

from .desk import product, program  # skips without the package

from mcompile.backends.tensorrt_rtx import builder  # isort: skip
from mcompile.graph import save  # isort: skip


def asked(source, folder, capabilities=("SM89",), engine=True):
    save(source, folder / "model.onnx")
    path = folder / "model.engine"
    answer = builder.answer(
        {
            "model": str(folder / "model.onnx"),
            "capabilities": list(capabilities),
            "engine": str(path) if engine else "",
            "batch": 16,
        }
    )
    return answer, path


def test_an_engine_is_written_and_its_ports_are_told(tmp_path):
    answer, path = asked(product(), tmp_path)
    assert not answer["refused"]
    assert answer["ports"] == {"x": "FLOAT", "y": "FLOAT"}
    assert path.read_bytes()[:4] == b"vtrt"


def test_without_capabilities_it_is_parsed_alone(tmp_path):
    answer, path = asked(product(), tmp_path, capabilities=())
    assert not answer["refused"]
    assert not path.exists()


def test_a_free_leading_size_is_given_bounds(tmp_path):
    rows = {"w": np.ones((4, 4), np.float32)}
    free = program("y = MatMul(x, w)", "(float[n,4] x) => (float[n,4] y)", rows)
    answer, path = asked(free, tmp_path)
    assert not answer["refused"]
    assert path.exists()


def test_what_the_parser_refuses_is_named(tmp_path):
    answer, _ = asked(program("a = Relu(x) [it] y = nobody.knows.Frobnicate(a)"), tmp_path)
    first = answer["refused"][0]
    assert (first["node"], first["op"], first["index"]) == ("it", "Frobnicate", 1)
    assert "Plugin not found" in first["what"]


def test_what_the_compiler_refuses_is_told_in_its_words(tmp_path):
    answer, path = asked(product(), tmp_path, ["SM75"])
    assert "'mul' for Turing" in answer["refused"][0]["what"]
    assert not path.exists()


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"GIF89a")
    request = {"model": str(tmp_path / "model.onnx"), "capabilities": [], "engine": "", "batch": 1}
    assert builder.answer(request)["refused"]


@pytest.mark.parametrize("precise", [True, False])
def test_float32_is_computed_in_all_of_its_bits(precise, tmp_path, monkeypatch):
    """The engine differs where the flag that rounds to ten bits stays on: it is off here."""
    if not precise:
        flags = builder.trt.BuilderFlag
        monkeypatch.setattr(flags, "TF32", flags.DEBUG)
    rng = np.random.default_rng(2)
    kernel = {"w": rng.standard_normal((16, 8, 3, 3), np.float32)}
    net = program("y = Conv(x, w)", "(float[1,8,9,9] x) => (float[1,16,7,7] y)", kernel)
    _, path = asked(net, tmp_path)
    (tmp_path / "other").mkdir()
    monkeypatch.undo()
    _, other = asked(net, tmp_path / "other")
    assert (path.read_bytes() == other.read_bytes()) is precise
