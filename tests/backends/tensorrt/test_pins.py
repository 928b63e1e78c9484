"""Ranges of releases, in the form that a short script can read."""

import pytest
from packaging.version import Version

from mcompile.backends.tensorrt.pins import admits, floor, plain, told
from mcompile.errors import TargetError


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("==8.2.1", ">=8.2.1,<8.2.2"),
        ("==8.6.*", ">=8.6,<8.7"),
        ("~=10.3", ">=10.3,<11"),
        (">=8.5,<11", ">=8.5,<11"),
        ("==8.2.1.8", "==8.2.1.8"),
        ("", ""),
    ],
)
def test_a_range_in_plain_clauses(given, written):
    assert told(plain(given)) == written


def test_the_package_of_a_pinned_release_is_admitted():
    assert plain("==8.2.1").contains("8.2.1.8")  # what JetPack 4.6 calls it
    assert not plain("==8.2.1").contains("8.2.2")


@pytest.mark.parametrize(
    ("given", "oldest"), [("", "8.0"), ("<10", "8.0"), (">=8.5,<11", "8.5"), ("==8.2.1", "8.2.1")]
)
def test_the_oldest_release_that_is_admitted(given, oldest):
    assert floor(plain(given)) == Version(oldest)


@pytest.mark.parametrize(
    ("given", "since", "able"),
    [
        ("<10", "10.0", False),
        ("<=10.0", "10.0", True),
        (">=8.5,<11", "10.15", True),
        ("==8.2.1", "8.4", False),
        ("", "99", True),
    ],
)
def test_whether_a_release_from_there_on_is_admitted(given, since, able):
    assert admits(plain(given), Version(since)) is able


@pytest.mark.parametrize("given", ["newest", "!=9.0"])
def test_what_is_no_range(given):
    with pytest.raises(TargetError, match="no range of versions"):
        plain(given)
