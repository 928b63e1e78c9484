"""The runtime's notice is held back; all else that goes to stderr is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mcompile.backends.litert.notices import NOTICE, unsaid


def test_the_notice_alone_is_held_back(capfd):
    with unsaid():
        os.write(2, NOTICE + b"\nERROR: a tensor is missing\n")
        print("a warning", file=sys.stderr)
    print("behind it", file=sys.stderr)
    said = capfd.readouterr().err.splitlines()
    assert sorted(said) == ["ERROR: a tensor is missing", "a warning", "behind it"]


def test_what_was_said_before_an_error_is_kept(capfd):
    def load():
        os.write(2, b"the file ends early\n")
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"), unsaid():
        load()
    assert capfd.readouterr().err == "the file ends early\n"


@pytest.mark.skipif(os.name != "posix", reason="a shell closes stderr")
@pytest.mark.parametrize("shut", ["", "2>&-"])
def test_a_program_without_stderr_goes_on(shut):
    code = "from mcompile.backends.litert.notices import unsaid\nwith unsaid(): print('done')"
    ran = subprocess.run(["sh", "-c", f'"$0" -c "$1" {shut}', sys.executable, code],
                         capture_output=True, check=False)  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"done\n", b"")
