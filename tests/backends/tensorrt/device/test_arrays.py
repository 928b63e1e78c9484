"""Without numpy the script still starts, and says that it is missing."""

from __future__ import annotations

from .desk import lay


def test_no_numpy(tmp_path):
    desk = lay(tmp_path, "fp32")
    (desk.kit / "numpy.py").write_text("raise ImportError('No module named numpy')\n")
    (desk.kit / "tensorrt.py").write_text("__version__ = '8.5.2'\n")
    ran = desk.run("--check-only")
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (5, "error: numpy is not here")
    assert desk.run("--help").returncode == 0
