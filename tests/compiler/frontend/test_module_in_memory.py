from mcompile.frontend.format import find, look
from mcompile.frontend.module_in_memory import ModuleInMemory
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Port


def test_a_module_in_memory_is_a_source(nets):
    module = nets.Pair()
    assert isinstance(find(look(module)), ModuleInMemory)
    inputs = (Port("left", "float32", (2,)), Port("right", "float32", (2,)))
    program = ModuleInMemory().read(look(module), CaptureOptions(name="net", inputs=inputs))
    assert [p.name for p in program.inputs] == ["left", "right"]
    assert module.training


def test_nothing_else_is():
    assert not ModuleInMemory().recognizes(look({"a": 1}))
