"""One file of all parts: the same bytes each time, and Python 3.6."""

from __future__ import annotations

import ast
import builtins
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mcompile.backends.tensorrt import device
from mcompile.backends.tensorrt.script import _ordered, script
from mcompile.errors import Broken

from .device.desk import RELEASES, lay

PARTS = Path(device.__file__).parent
STANDARD = {"numpy", "pycuda", "cuda", "cuda.bindings", "tensorrt", "pynvml", "typing"}


def test_the_same_bytes():
    assert script() == script()
    code = "from mcompile.backends.tensorrt.script import script; import sys; "
    code += "sys.stdout.buffer.write(script())"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"}, capture_output=True, check=True,
    )  # fmt: skip
    assert told.stdout == script()


def test_nothing_of_the_house_is_left():
    text = script().decode()
    tree = ast.parse(text)
    assert "mcompile.backends" not in text
    wanted = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {a.name for n in wanted if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module) for n in wanted if isinstance(n, ast.ImportFrom)}
    assert {n for n in names - STANDARD if n.split(".")[0] not in sys.stdlib_module_names} == set()
    assert text.endswith('\n\nif __name__ == "__main__":\n    sys.exit(main())\n')


def test_parts_do_not_take_each_others_names():
    """In one file a name is one thing; and none may hide one of Python's."""
    found: Counter[str] = Counter()
    for path in PARTS.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] += 1
            elif isinstance(node, ast.Assign):
                found.update(t.id for t in node.targets if isinstance(t, ast.Name))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] += 1
    assert [name for name, times in found.items() if times > 1] == []
    imported = {"argparse", "glob", "hashlib", "json", "os", "platform", "re", "shlex", "shutil"}
    imported |= {"subprocess", "sys", "threading", "time"}
    assert not set(found) & (imported | set(dir(builtins)))


def test_the_syntax_is_of_python_3_6():
    ast.parse(script(), feature_version=(3, 6))
    for node in ast.walk(ast.parse(script())):
        # Names of typing and calls that came with 3.7 and later.
        if isinstance(node, ast.ImportFrom) and node.module == "typing":
            assert not {a.name for a in node.names} & {"Final", "Literal", "Protocol", "TypedDict"}
        if isinstance(node, ast.Call):
            assert not {k.arg for k in node.keywords} & {"capture_output", "text", "equal_nan"}
        assert not isinstance(node, ast.NamedExpr)


def test_every_api_it_uses_is_of_python_3_6(tmp_path):
    pytest.importorskip("vermin", reason="the development tool vermin is not installed")
    (tmp_path / "build_engine.py").write_bytes(script())
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import vermin; vermin.main()",
            "-t=3.6-",
            "--no-tips",
            str(tmp_path / "build_engine.py"),
        ],
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout.decode()


def interpreter(version):
    """A Python of that version: in the search path, beside this one, or none."""
    beside = sorted(Path(sys.base_prefix).parent.glob(f"{version}.*/bin/python{version}"))
    for path in (shutil.which(f"python{version}"), *map(str, beside)):
        # What is found may be a stand-in for something that is not installed.
        if path and subprocess.run([path, "-V"], capture_output=True, check=False).returncode == 0:
            return path
    return None


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9"])
def test_older_interpreters(tmp_path, version):
    """Without numpy or TensorRT: it is compiled, helps, and says what is wrong with a kit."""
    found = interpreter(version)
    if found is None:
        pytest.skip(f"no Python {version} here")
    path = tmp_path / "build_engine.py"
    path.write_bytes(script())

    def run(*words):
        return subprocess.run(
            [found, str(path), *words], capture_output=True, text=True, check=False
        )

    assert "usage: build_engine.py" in run("--help").stdout
    ran = run()
    assert ran.returncode == 7
    assert ran.stderr.startswith("error: kit.json cannot be read\n  in   ")


def test_a_ring_of_parts_is_a_fault_of_ours():
    with pytest.raises(Broken, match=r"import each other: \['a', 'b'\]"):
        _ordered({"a": {"b"}, "b": {"a"}, "c": set()})


def test_the_whole_course_on_an_older_python(tmp_path):
    """`OLD_PYTHON` names a Python with numpy, onnx and onnxruntime, such as one of 3.6."""
    found = os.environ.get("OLD_PYTHON")
    if found is None:
        pytest.skip("OLD_PYTHON names no Python with numpy, onnx and onnxruntime")
    for release in RELEASES:
        desk = lay(tmp_path / release)
        ran = desk.run(tensorrt=release, python=found)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert desk.measured()["engine"]["int8_layers"] == 1
