import pytest

from mcompile.frontend.archive import Members
from mcompile.frontend.script_scan import refused


def scan(code: str, name: str = "code/__torch__.py") -> list[str]:
    return list(refused(Members([name], lambda _: code.encode(), "m.pt")))


def test_arithmetic_is_let_through():
    assert scan("return torch.add(x, (self.conv).forward(x, ), alpha=1)") == []
    assert scan("y = ops.prim.NumToTensor(torch.size(x, 0)); z = ops.aten.relu(x)") == []
    assert scan("x = self.ops; saved = torch.softmax(x, 1)") == []


@pytest.mark.parametrize(
    "code",
    [
        'torch.save(x, "/tmp/f")',
        'x . save("/tmp/f")',
        'torch.from_file("f", True, 10)',
        'ops.aten.from_file("f")',
        'getattr(x, "s\\x61ve")("f")',
        "a = __torch__.torch.classes.c10d.Store()",
        "ops.c10d.broadcast_(x)",
        "ops.inductor._reinterpret_tensor(x)",
        "ops # aten\n.mkldnn.f(x)",
        "ops .aten.add(x, x)",
        "torch.rpc_sync(x)",
    ],
)
def test_what_reaches_out_is_named_with_its_file(code):
    found = scan(code)
    assert found
    assert all("code/__torch__.py" in f for f in found)


def test_names_of_members_differ_in_case_for_nobody():
    assert scan("torch.save(x)", "CODE/__torch__.PY")


def test_only_code_is_read():
    assert scan("save", "data/0") == []
    assert scan("save", "code/__torch__.py.debug_pkl") == []
