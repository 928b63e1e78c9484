"""The tables of the delegates."""

from __future__ import annotations

from ai_edge_litert.schema_py_generated import BuiltinOperator

from mcompile.backends.litert.takers import ALL


def test_every_delegate_names_its_source_and_kinds_of_the_schema() -> None:
    for delegate in ALL:
        assert delegate.source
        assert {*delegate.takes, *delegate.versions} <= {*vars(BuiltinOperator)}
        assert {*delegate.versions} <= {*delegate.takes}
