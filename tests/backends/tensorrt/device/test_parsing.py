"""What TensorRT's parser refuses is named: by number before release 10, by name since."""

from __future__ import annotations

from types import ModuleType

import onnx
import pytest

from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.log import recorder
from mcompile.backends.tensorrt.device.parsing import parse, place

from .desk import REAL, lay, model


@pytest.mark.parametrize("release", ["8.6.1.6", "10.0.0.6"])
def test_the_node_is_named(tmp_path, release):
    desk = lay(tmp_path, "fp32")
    ran = desk.run(tensorrt=release, refuses=["GlobalAveragePool"])
    assert ran.returncode == 6
    what, where, fix = ran.stderr.splitlines()
    assert what.startswith(f"error: TensorRT {release} refuses GlobalAveragePool: No importer")
    assert where.endswith("model.onnx, node globalaveragepool_2")
    assert "a newer TensorRT" in fix


def test_a_set_of_operators_that_is_too_new(tmp_path):
    desk = lay(tmp_path, "fp32")
    made = model(REAL)
    made.opset_import[0].version = 17
    onnx.save(made, desk.kit / "model.onnx")
    desk.facts(files={})
    assert desk.run("--build-only", tensorrt="8.4.1.5").returncode == 0
    ran = desk.run("--build-only", tensorrt="8.2.1.8")
    assert ran.returncode == 6
    assert "refuses Conv: opset 17 is beyond 13" in ran.stderr


def test_a_file_that_is_no_model(tmp_path):
    desk = lay(tmp_path, "fp32")
    (desk.kit / "model.onnx").write_bytes(b"\x0b nothing")
    desk.facts(files={})
    ran = desk.run("--build-only")
    assert (ran.returncode, "TensorRT cannot read the model" in ran.stderr) == (7, True)


@pytest.mark.parametrize(("number", "told"), [(0, ("Relu", "number 0")), (9, ("", "number 9"))])
def test_a_node_without_a_name_has_its_number(number, told):
    class Old:
        def node(self):
            return number

    assert place(Old(), [("Relu", "")]) == told


def test_the_real_parser_of_rtx_names_the_node(tmp_path):
    """TensorRT-RTX has the API of TensorRT 11, and parses without a GPU."""
    rtx = pytest.importorskip("tensorrt_rtx", reason="the package tensorrt_rtx is not installed")
    trt = ModuleType("tensorrt")
    trt.__dict__.update(vars(rtx))
    made = model(REAL)
    made.graph.node[1].op_type = "Multinomial"
    onnx.save(made, tmp_path / "m.onnx")
    log = recorder(trt)
    network = trt.Builder(log).create_network(0)
    with pytest.raises(KitError, match="refuses Multinomial") as caught:
        parse(trt, network, str(tmp_path / "m.onnx"), log)
    assert caught.value.where.endswith("node relu_1")
    assert caught.value.code == 6
