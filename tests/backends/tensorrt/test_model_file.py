"""`model.onnx`: the caps of the device hold, and the standard's checker has seen it."""

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from mcompile.backends.tensorrt.model_file import write_model
from mcompile.errors import LoweringError
from mcompile.graph import load
from mcompile.profile import Runtime

from .written import net, one


@pytest.mark.parametrize(("opset", "ir_version"), [(13, 7), (17, 8), (20, 9)])
def test_the_version_of_the_format_fits_the_operator_set(opset, ir_version, tmp_path):
    program = one("y = Relu(x)", opset=opset)
    program.graph.ir_version = 12
    write_model(program, Runtime(), tmp_path / "m.onnx")
    assert load(tmp_path / "m.onnx", "m").graph.ir_version == ir_version
    assert program.graph.ir_version == 12  # the given program stays as it was


def test_the_profile_s_cap_of_the_format_holds(tmp_path):
    write_model(one("y = Relu(x)"), Runtime(max_ir_version=6), tmp_path / "m.onnx")
    assert load(tmp_path / "m.onnx", "m").graph.ir_version == 6


def test_an_operator_set_above_the_cap_is_refused(tmp_path):
    with pytest.raises(LoweringError, match="reads operator set 13, and the program is in 17"):
        write_model(one("y = Relu(x)"), Runtime(max_opset=13), tmp_path / "m.onnx")
    write_model(net(), Runtime(max_opset=13), tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)


def test_what_is_no_valid_onnx_is_refused(tmp_path):
    with pytest.raises(LoweringError, match=r"not valid ONNX: .*Relu"):
        write_model(one("y = Relu(x, x)"), Runtime(), tmp_path / "m.onnx")


def test_weights_may_lie_in_a_file_of_their_own(tmp_path):
    write_model(net(), Runtime(), tmp_path / "m.onnx", apart=True)
    stored = onnx.load(tmp_path / "m.onnx", load_external_data=False).graph.initializer
    assert {t.name for t in stored if t.external_data} == {"w1", "w2"}
    read = {
        t.name: onnx.numpy_helper.to_array(t)
        for t in onnx.load(tmp_path / "m.onnx").graph.initializer
    }
    for name, value in net().graph.graph.initializers.items():
        np.testing.assert_array_equal(read[name], value.const_value.numpy())
