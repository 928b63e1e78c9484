from __future__ import annotations

import subprocess
import sys

import psutil

from mcompile.measure.child import peak_bytes


def test_the_peak_is_no_less_than_what_is_resident_now():
    assert peak_bytes() >= psutil.Process().memory_info().rss * 0.9


def test_the_peak_stays_after_the_memory_is_given_back():
    code = (
        "from mcompile.measure.child import peak_bytes; import psutil\n"
        "held = bytearray(b'x') * 200_000_000; del held\n"
        "print(peak_bytes() - psutil.Process().memory_info().rss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(done.stdout) > 150_000_000
