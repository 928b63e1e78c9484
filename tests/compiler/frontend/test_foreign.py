import pytest

from mcompile.errors import SourceError
from mcompile.frontend.foreign import Foreign
from mcompile.frontend.format import find
from mcompile.frontend.options import CaptureOptions


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file is empty"),
        (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "this is a web page"),
        (b"<HTML><head></head></HTML>", "this is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "git-lfs pointer"),
        (b"\x1c\0\0\0TFL3" + bytes(20), "a TFLite model is an output here"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x1f\x8b\x08\0" + bytes(9), "compressed archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9), "an image"),
    ],
)
def test_what_is_no_model_is_named_for_what_it_is(looked, data, what):
    source = looked(data)
    found = find(source)
    assert isinstance(found, Foreign)
    with pytest.raises(SourceError, match=what) as caught:
        found.read(source, CaptureOptions())
    assert caught.value.fix
    assert caught.value.where.endswith("model.bin")
