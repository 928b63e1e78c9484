import json

import pytest

from mcompile.frontend.archive import Members
from mcompile.frontend.exported_scan import refused

SYMBOL = "Symbol('s40', positive=True, integer=True)"
TREE = '[1, {"type": "builtins.dict", "context": "[\\"a\\"]", "children_spec": []}]'


def scan(value: object, name: str = "models/model.json") -> list[str]:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return list(refused(Members([name], lambda _: data, "m.pt2"), "m.pt2"))


@pytest.mark.parametrize(
    "value",
    [
        {"target": "torch.ops.aten.conv2d.default"},
        {"target": "torch.ops.aten.__and__.Tensor"},
        {"target": "torch.ops.higher_order.cond"},
        {"target": "torch.sym_max"},
        {"target": "_operator.floordiv"},
        {"expr_str": f"Mul(Integer(24), Max(Integer(1), Add({SYMBOL}, Integer(-2))))"},
        {"expr_str": "2*s0 + 1"},
        {"expr_str": "Float('0.5', precision=53)"},
        {"guards_code": ["L['x']['a'].size()[2] >= 3", "((-2) + L['b'][0].size()[1]) != 1"]},
        {"in_spec": TREE, "out_spec": ""},
        {"stack_trace": 'File "/a b/c.py", line 7\n  __import__("os")'},
        {"as_string": "any text; at all"},
        {"weight_0.conv-1": "p_conv_weight", "n": 3, "none": None, "use_pickle": False},
    ],
)
def test_what_the_exporter_writes_is_let_through(value):
    assert scan(value) == []


@pytest.mark.parametrize(
    "value",
    [
        {"target": "torch.os.system"},
        {"as_operator": "torch.os.system"},
        {"target": "torch.ops.load_library"},
        {"target": "torch.ops.aten.from_file.default"},
        {"target": "torch.ops.aten.add.__class__"},
        {"target": "torch.ops.mylib.op.default"},
        {"target": "_operator.methodcaller"},
        {"target": "#extension:op"},
        {"expr_str": "__import__('os').system('true')"},
        {"expr_str": "exec('x')"},
        {"expr_str": "Add('exec', 1)"},
        {"expr_str": "Symbol('x y')"},
        {"expr_str": "Integer(1).__class__"},
        {"expr_str": "[x for x in s0]"},
        {"expr_str": "(lambda: 1)()"},
        {"expr_str": ""},
        {"guards_code": ['L["x"].size()[0] == 1']},
        {"guards_code": ["L['x'].tofile('f')"]},
        {"guards_code": ["True\n__import__('os')"]},
        {"guards_code": ["exec(L['x'])"]},
        {"name": "x=__import__('os').getpid()"},
        {"a name": 1},
        {"use_pickle": True},
        {"path_name": "opaque_obj_0"},
        {"path_name": "custom_obj_0"},
        {"in_spec": '[1, {"type": "my.Type", "context": "null", "children_spec": []}]'},
        {
            "in_spec": '[1, {"type": "builtins.dict", "children_spec": [],'
            ' "context": "{\\"__enum__\\": true, \\"fqn\\": \\"antigravity:x\\"}"}]'
        },
        {"in_spec": "not json"},
        b"not json",
        b"[" * 100_000,
    ],
)
def test_what_would_be_evaluated_is_named(value):
    assert len(scan(value)) == 1


@pytest.mark.parametrize(
    "name",
    ["data/aotinductor/model/a.so", "data/constants/custom_obj_0", "data/constants/opaque_obj_1"],
)
def test_code_and_objects_in_the_archive_are_named(name):
    assert scan(b"", name)[0].startswith(name)


def test_extra_files_are_the_users_own():
    assert scan({"any thing": "at; all"}, "extra/notes.json") == []
    assert scan({"any thing": 1}, "top/models/MODEL.JSON")


def test_a_pickle_inside_is_scanned(tmp_path, trap):
    import torch

    torch.save(trap, tmp_path / "in.pt")
    found = scan((tmp_path / "in.pt").read_bytes(), "data/sample_inputs/model.PT")
    assert found
    assert all(f.endswith("(model.PT)") for f in found)
    torch.save((torch.ones(1),), tmp_path / "in.pt")
    assert scan((tmp_path / "in.pt").read_bytes(), "data/sample_inputs/model.pt") == []
    assert scan(b"", "serialized_constants.pt") == []
