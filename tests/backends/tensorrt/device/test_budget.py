"""Memory and disk: what building takes, against what the device has."""

from __future__ import annotations

import pytest

from mcompile.backends.tensorrt.device.budget import Memory, check_disk, workspace_mb
from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.kit import read_kit

from .desk import lay


@pytest.fixture
def kit(tmp_path):
    """Building takes 1000 MB, 256 of them workspace."""
    return read_kit(str(lay(tmp_path, "fp32").kit))


@pytest.mark.parametrize(
    ("asked", "free", "got"),
    [(None, 6000, 256), (None, 900, 156), (None, 760, 16), (512, 6000, 512), (100, 844, 100)],
)
def test_the_workspace_shrinks_to_what_is_free(kit, asked, free, got):
    assert workspace_mb(kit, asked, Memory(free, 8000, "Orin")) == got


@pytest.mark.parametrize(
    ("asked", "free", "code", "what", "fix"),
    [
        (
            9000,
            6000,
            2,
            "a workspace of 9000 MB is more than the 8000 MB of Orin",
            "--workspace 256",
        ),
        (None, 759, 7, "building needs about 760 MB of memory, and 759 MB are free", "add swap"),
        (
            512,
            1000,
            7,
            "building needs about 1256 MB of memory, and 1000 MB are",
            "--workspace 256",
        ),
    ],
)
def test_too_little(kit, asked, free, code, what, fix):
    with pytest.raises(KitError, match=what) as caught:
        workspace_mb(kit, asked, Memory(free, 8000, "Orin"))
    assert caught.value.code == code
    assert fix in caught.value.fix


def test_the_disk(kit, tmp_path):
    check_disk(kit, str(tmp_path), 1.0)
    with pytest.raises(KitError, match="needs about 1 MB, and 0 MB of disk are free"):
        check_disk(kit, str(tmp_path), 0.4)


def test_a_jetson_counts_the_memory_of_the_host(tmp_path):
    desk = lay(tmp_path, "fp32")
    meminfo = desk.aside / "root" / "proc" / "meminfo"
    meminfo.write_text("MemTotal: 4000000 kB\nMemAvailable: 500000 kB\n")
    ran = desk.run(integrated=True)
    assert ran.returncode == 7
    assert "building needs about 760 MB of memory, and 512 MB are free" in ran.stderr
    assert desk.run("--check-only", integrated=False).returncode == 0


def test_a_workspace_larger_than_the_device_ends_the_script(tmp_path):
    ran = lay(tmp_path, "fp32").run("--workspace", "9000")
    assert ran.returncode == 2
    assert "a workspace of 9000 MB is more than the 8000 MB of Orin" in ran.stderr
