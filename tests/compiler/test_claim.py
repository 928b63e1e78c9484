"""The output folder appears whole or not at all, whatever happens to the process."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcompile import claim as claiming
from mcompile.claim import claim
from mcompile.errors import UsageError

CHILD = """
import os, shutil, sys
from pathlib import Path
from mcompile import claim as claiming

def stop():
    print("here", flush=True)
    sys.stdin.read()

def after(function, times):
    calls = []
    def wrapped(*args, **more):
        found = function(*args, **more)
        calls.append(args)
        if len(calls) == times:
            stop()
        return found
    return wrapped

def before(function):
    def wrapped(*args, **more):
        stop()
        return function(*args, **more)
    return wrapped

moment, out = sys.argv[1], Path(sys.argv[2])
if moment.startswith("aside"):
    claiming._exchange = lambda one, other: False
if moment == "aside-between":
    os.rename = after(os.rename, 1)
if moment == "aside-renamed":
    os.rename = after(os.rename, 2)
if moment == "flushing":
    os.fsync = before(os.fsync)
if moment == "swapping":
    claiming._publish = before(claiming._publish)
if moment == "deleting":
    shutil.rmtree = before(shutil.rmtree)
with claiming.claim(out) as folder:
    (folder / "artifact.json").write_text("new")
    if moment == "writing":
        stop()
    (folder / "model.bin").write_text("new weights")
"""


def build(out: Path, text: str) -> None:
    with claim(out) as folder:
        (folder / "artifact.json").write_text(text)
        (folder / "model.bin").write_text(f"{text} weights")


def fail(out: Path, error: BaseException) -> None:
    with claim(out) as folder:
        (folder / "artifact.json").write_text("half")
        raise error


def held(out: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in out.iterdir()}


def whole(text: str) -> dict[str, str]:
    return {"artifact.json": text, "model.bin": f"{text} weights"}


def leftovers(parent: Path) -> list[str]:
    return sorted(p.name for p in parent.iterdir() if p.name.endswith((".tmp", ".old")))


def killed(moment: str, out: Path, kind: int = signal.SIGKILL) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, moment, str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.send_signal(kind)
        child.wait()
    assert child.returncode == -kind


def test_a_good_build_appears_under_its_name_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    build(tmp_path / "deep" / "out", "one")
    assert held(tmp_path / "deep" / "out") == whole("one")
    assert leftovers(tmp_path / "deep") == []


@pytest.mark.parametrize("swaps", [True, False])
def test_a_second_build_replaces_the_first_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool
) -> None:
    if not swaps:
        monkeypatch.setattr(claiming, "_exchange", lambda _one, _other: False)
    build(tmp_path / "out", "one")
    (tmp_path / "out" / "report.html").write_text("of the first build")
    build(tmp_path / "out", "two")
    assert held(tmp_path / "out") == whole("two")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_linux_swaps_two_folders_in_one_step(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    (one / "a").touch()
    assert claiming._exchange(one, other)
    assert [p.name for p in other.iterdir()] == ["a"]
    with pytest.raises(FileNotFoundError):
        claiming._exchange(one, tmp_path / "absent")


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_failed_build_leaves_the_earlier_one(tmp_path: Path, kind: type[BaseException]) -> None:
    build(tmp_path / "out", "one")
    with pytest.raises(kind):
        fail(tmp_path / "out", kind())
    assert held(tmp_path / "out") == whole("one")
    assert leftovers(tmp_path) == []


def test_a_failed_first_build_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path / "out", KeyboardInterrupt())
    assert not (tmp_path / "out").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("moment", ["writing", "flushing", "swapping"])
def test_a_build_killed_before_the_swap_leaves_the_earlier_one(tmp_path: Path, moment: str) -> None:
    build(tmp_path / "out", "one")
    killed(moment, tmp_path / "out")
    assert held(tmp_path / "out") == whole("one")
    build(tmp_path / "out", "two")
    assert held(tmp_path / "out") == whole("two")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no swap in one step")
def test_a_build_killed_after_the_swap_is_already_there_whole(tmp_path: Path) -> None:
    build(tmp_path / "out", "one")
    killed("deleting", tmp_path / "out")
    assert held(tmp_path / "out") == whole("new")
    build(tmp_path / "out", "two")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_first_build_leaves_no_folder_under_its_name(tmp_path: Path, kind: int) -> None:
    killed("writing", tmp_path / "out", kind)
    assert not (tmp_path / "out").exists()


def test_a_build_killed_between_two_renames_is_recovered_by_the_next(tmp_path: Path) -> None:
    build(tmp_path / "out", "one")
    killed("aside-between", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(RuntimeError):
        fail(tmp_path / "out", RuntimeError())
    assert held(tmp_path / "out") == whole("one")
    assert leftovers(tmp_path) == []


def test_an_earlier_build_set_aside_is_removed_once_the_new_one_stands(tmp_path: Path) -> None:
    build(tmp_path / "out", "one")
    killed("aside-renamed", tmp_path / "out")
    assert held(tmp_path / "out") == whole("new")
    build(tmp_path / "out", "two")
    assert leftovers(tmp_path) == []


def test_a_rename_that_fails_puts_the_earlier_build_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "out", "one")
    monkeypatch.setattr(claiming, "_exchange", lambda _one, _other: False)
    rename = os.rename

    def fails(source: Path, goal: Path) -> None:
        if str(source).endswith(".tmp"):
            raise OSError(errno.EACCES, "Permission denied", str(source))
        rename(source, goal)

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(UsageError, match="cannot be written"):
        build(tmp_path / "out", "two")
    assert held(tmp_path / "out") == whole("one")
    assert leftovers(tmp_path) == []


def test_a_neighbour_whose_name_begins_alike_is_left_alone(tmp_path: Path) -> None:
    with claim(tmp_path / "out.2") as neighbour:
        build(tmp_path / "out", "one")
        (neighbour / "artifact.json").write_text("neighbour")
    assert held(tmp_path / "out.2") == {"artifact.json": "neighbour"}


def test_two_builds_into_one_folder_are_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def second() -> None:
        try:
            build(tmp_path / "out", "two")
        except UsageError as error:
            caught.append(error)

    with claim(tmp_path / "out") as folder:
        (folder / "artifact.json").write_text("one")
        with pytest.raises(UsageError, match="another build is writing"):
            build(tmp_path / "out", "two")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(caught) == 1
    assert held(tmp_path / "out") == {"artifact.json": "one"}
    build(tmp_path / "out", "three")


def test_a_folder_that_no_build_wrote_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="files that no build wrote"), claim(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    build(tmp_path / "out", "one")
    assert held(tmp_path / "out") == whole("one")


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    build(tmp_path / "real", "one")
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    build(tmp_path / "link", "two")
    assert (tmp_path / "link").is_symlink()
    assert held(tmp_path / "real") == whole("two")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file"), claim(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_a_parent_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written"), claim(tmp_path / "file" / "out"):
        pass


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_parent_that_may_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    build(tmp_path / "out", "one")

    def refuses(path: Path, *_: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(os, "mkdir", refuses)
    with pytest.raises(UsageError, match="cannot be written") as caught:
        build(tmp_path / "out", "two")
    assert caught.value.where.startswith(str(tmp_path))
    assert held(tmp_path / "out") == whole("one")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, code: int) -> None:
    build(tmp_path / "out", "one")
    with pytest.raises(UsageError, match="disk is full"):
        fail(tmp_path / "out", OSError(code, os.strerror(code)))
    assert held(tmp_path / "out") == whole("one")
    assert leftovers(tmp_path) == []


def test_a_disk_that_fills_while_flushing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="disk is full"):
        build(tmp_path / "out", "one")
    assert not (tmp_path / "out").exists()
    assert leftovers(tmp_path) == []


def test_an_error_about_another_file_passes_unchanged(tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "model.pt")
    with pytest.raises(PermissionError):
        fail(tmp_path / "out", PermissionError(errno.EACCES, "Permission denied", elsewhere))


def test_every_file_is_brought_to_the_disk_before_the_name_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush = claiming._flush

    def noted(path: Path, flags: int) -> None:
        flushed.append(path.name if (tmp_path / "out").exists() else f"early {path.name}")
        flush(path, flags)

    monkeypatch.setattr(claiming, "_flush", noted)
    build(tmp_path / "out", "one")
    assert {"early artifact.json", "early model.bin"} <= set(flushed)
    assert flushed[-1] == tmp_path.name
