from __future__ import annotations

import pytest

from mcompile.errors import ContractError
from mcompile.measure.size import size, size_ahead
from mcompile.types import File, Provenance


def files(*names):
    return tuple(File(name, "", 0) for name in names)


def test_the_size_is_that_of_the_files_in_millions_of_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1_500_000)
    (tmp_path / "b").write_bytes(b"x" * 500_000)
    (tmp_path / "report.json").write_bytes(b"not of the artifact")
    row = size(files("a", "b"), tmp_path)
    assert (row.name, row.value, row.unit) == ("size_mb", 2.0, "MB")


def test_a_missing_file_is_a_contract_error(tmp_path):
    with pytest.raises(ContractError, match="missing"):
        size(files("gone"), tmp_path)


def test_what_is_yet_to_be_built_is_predicted_from_its_weights_to_its_sources(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 4_000_000)
    row = size_ahead(files("a"), tmp_path, 1_000_000)
    assert row.provenance is Provenance.PREDICTED
    assert (row.low, row.high) == (1.0, 4.0)
    assert size_ahead(files("a"), tmp_path, 9_000_000).low == 4.0
