import random
import subprocess
import sys

import onnx
import pytest

from mcompile.errors import SourceError
from mcompile.frontend.format import find, formats, look


def test_formats_are_found_by_being_in_the_folder():
    names = {type(f).__name__ for f in formats()}
    assert {"Onnx", "ExportedProgram", "TorchScript", "StateDict", "Safetensors"} <= names


def test_a_format_in_a_new_file_is_found(tmp_path, monkeypatch):
    from mcompile.frontend import format as room

    text = (
        "from mcompile.frontend.format import Format\n"
        "class Novel(Format):\n"
        "    title = 'novel'\n"
        "    def recognizes(self, source): return source.head.startswith(b'NOVEL')\n"
        "    def read(self, source, options): raise NotImplementedError\n"
    )
    (tmp_path / "novel.py").write_text(text)
    monkeypatch.setattr(room, "__file__", str(tmp_path / "format.py"))
    monkeypatch.setattr(sys.modules["mcompile.frontend"], "__path__", [str(tmp_path)])
    (tmp_path / "model").write_bytes(b"NOVEL idea")
    assert find(look(tmp_path / "model")).title == "novel"
    sys.modules.pop("mcompile.frontend.novel", None)


def test_the_name_of_a_file_says_nothing(tmp_path, affine):
    path = tmp_path / "model.pt"
    onnx.save(affine, path)
    assert type(find(look(path))).__name__ == "Onnx"


def test_random_bytes_are_no_model(looked):
    for seed in range(20):
        data = b"\x00" + random.Random(seed).randbytes(5000)
        with pytest.raises(SourceError, match="not a model of any kind known here") as caught:
            find(looked(data))
        assert ".safetensors" in caught.value.fix


def test_another_zip_archive_is_described(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes/readme.txt", "hello")
    with pytest.raises(SourceError) as caught:
        find(look(tmp_path / "a.zip"))
    assert "readme.txt" in caught.value.where


def test_an_object_of_no_known_kind_is_refused():
    with pytest.raises(SourceError) as caught:
        find(look(42))
    assert caught.value.where == "an object of type int"


def test_a_missing_file_names_the_nearest_one(tmp_path):
    (tmp_path / "resnet18.onnx").write_bytes(b"x")
    with pytest.raises(SourceError, match="there is no such file") as caught:
        look(str(tmp_path / "resnet81.onnx"))
    assert "resnet18.onnx" in caught.value.fix


def test_a_folder_is_refused_and_what_it_holds_is_said(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(SourceError, match="not a file") as caught:
        look(tmp_path)
    assert "a.onnx" in caught.value.where


def test_a_truncated_zip_archive_is_damaged(looked):
    with pytest.raises(SourceError, match="truncated or damaged"):
        looked(b"PK\x03\x04" + bytes(100))


def test_finding_a_format_imports_no_torch():
    code = (
        "import sys, mcompile.frontend as f; from mcompile.frontend.format import formats;"
        " list(formats()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
