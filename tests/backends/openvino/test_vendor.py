"""Nothing is reported to the vendor."""

import subprocess
import sys

import pytest

pytest.importorskip("openvino")


@pytest.mark.parametrize("first", ["", "import openvino_telemetry"])
def test_the_reporting_package_is_absent_unless_the_user_brought_it(first, tmp_path):
    (tmp_path / "openvino_telemetry.py").write_text("")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
{first}
from mcompile.backends.openvino import vendor
print(sys.modules["openvino_telemetry"] is None)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(not first)
