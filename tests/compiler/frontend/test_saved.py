import io
import tarfile

import torch

from mcompile.frontend.saved import globals_of, is_saved

from .conftest import bare


def saved(value, **options) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def test_tensors_alone_import_nothing_that_is_refused(looked):
    source = looked(saved({"w": torch.ones(2), "s": torch.Size([1]), "t": torch.float16}))
    assert is_saved(source)
    assert globals_of(source) == []


def test_the_older_form_is_read_past_its_headers(looked, trap):
    options = {"_use_new_zipfile_serialization": False}
    source = looked(saved({"w": torch.ones(2)}, **options))
    assert is_saved(source)
    assert globals_of(source) == []
    assert globals_of(looked(saved({"w": trap}, **options)))


def test_a_bare_pickle_counts_as_saved(looked, trap):
    assert is_saved(looked(bare(1)))
    assert globals_of(looked(bare(trap)))


def test_the_oldest_form_is_never_plain(looked):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("pickle"))
    source = looked(stream.getvalue())
    assert is_saved(source)
    assert globals_of(source) == ["a tar archive, which PyTorch only opens by running its pickles"]


def test_other_files_are_not_saved(looked):
    assert not is_saved(looked(b"hello world" * 100))
    assert not is_saved(looked(bytes(257) + b"ustar" + bytes(600)))
