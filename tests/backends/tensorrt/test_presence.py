"""Whether an engine can be finished here."""

import importlib
import importlib.util

import pytest

from mcompile.backends.tensorrt import presence


@pytest.mark.parametrize(
    ("package", "driver", "there"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_both_the_package_and_the_driver_must_be_here(
    package, driver, there, monkeypatch, tmp_path
):
    node = tmp_path / "node"
    if driver:
        node.touch()
    loaded = object()
    monkeypatch.setattr(presence, "_NODES", (str(node),))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if package else None)
    monkeypatch.setattr(importlib, "import_module", lambda _: loaded)
    assert presence.finisher() is (loaded if there else None)
