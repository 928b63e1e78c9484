import pytest

from mcompile.errors import SourceError
from mcompile.frontend.format import find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.python_callable import PythonCallable
from mcompile.types import Port


def test_what_the_callable_returns_is_the_model(nets):
    source = look(f"{nets.__name__}:tiny")
    assert isinstance(find(source), PythonCallable)
    inputs = (Port("", "float32", (1, 3, 6, 6)),)
    options = CaptureOptions(name="net", inputs=inputs, arch_args={"classes": 9})
    assert PythonCallable().read(source, options).outputs[0].shape == (1, 9)


def test_what_it_does_wrong_is_a_source_error(nets):
    with pytest.raises(SourceError, match="no such weights"):
        PythonCallable().read(look(f"{nets.__name__}:broken"), CaptureOptions())
