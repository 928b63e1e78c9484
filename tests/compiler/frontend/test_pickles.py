import collections
import io
import pickle

import pytest

from mcompile.frontend.pickles import refused


def scan(data: bytes, pickles: int = 1) -> list[str]:
    return refused(io.BytesIO(data), pickles)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_import_nothing_that_is_refused(protocol):
    value = collections.OrderedDict(a=1, b=[2.0, "x", None], c=({1}, b"raw"))
    assert scan(pickle.dumps(value, protocol)) == []


@pytest.mark.parametrize("protocol", range(6))
def test_code_is_named_whatever_the_protocol(trap, protocol):
    found = scan(pickle.dumps(trap, protocol))
    assert any("pathlib" in name or "getattr" in name for name in found)


def test_the_trap_would_spring(trap):
    pickle.loads(pickle.dumps(trap))
    assert trap.path.exists()
    trap.path.unlink()


def test_names_are_followed_through_the_memo():
    # The second look-up takes its module's name from the memo instead of writing it again.
    data = pickle.dumps([collections.Counter, collections.ChainMap, collections.UserDict], 4)
    assert b"collections" in data
    assert data.count(b"collections") == 1
    assert scan(data) == ["collections.ChainMap", "collections.UserDict"]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"cos\nsystem\n.", ["os.system"]),
        (b"(S'x'\nios\nsystem\n.", ["os.system"]),
        (b"(ios\nsystem\n.", ["os.system"]),
        (b"\x80\x02\x82\x07.", ["copyreg extension 7"]),
        # Strings that are not what the stack will hold when the name is looked up.
        (b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x01x0\x93.", ["a name computed while loading"]),
        (b"\x80\x04K\x01K\x02\x93.", ["a name computed while loading"]),
        (b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93.", ["torch.os.system"]),
        (b"ctorch\n_utils._rebuild_tensor_v2.__globals__\n.", None),
        (b"ctorch._utils\n_rebuild_tensor_v2\n.", []),
        (b"ctorch\nFloatStorage\n.", []),
        (b"ctorch\nload\n.", ["torch.load"]),
        (b"c__builtin__\neval\n.", ["__builtin__.eval"]),
    ],
)
def test_every_opcode_that_imports_is_seen(data, found):
    names = scan(data)
    assert names == found if found is not None else names


def test_several_pickles_in_a_row_are_all_read(trap):
    data = pickle.dumps(1) + pickle.dumps(trap)
    assert scan(data) == []
    assert scan(data, 2)


@pytest.mark.parametrize("data", [b"", b"\x80\x02}", b"\x80\x04\x95\xff", b"\xff\xff\xff"])
def test_what_is_no_whole_pickle_is_damage(data):
    with pytest.raises(pickle.UnpicklingError, match="not a whole pickle"):
        scan(data)
