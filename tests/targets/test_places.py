from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcompile.targets import faults, load, names
from mcompile.targets.places import installed, shipped

Said = Callable[..., str]
Write = Callable[..., str]
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one entry point on the import path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def _install(package: str, code: str = "", value: str = "") -> None:
        folder = site / package
        folder.mkdir()
        (folder / "__init__.py").write_text(code)
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[mcompile.targets]\n{package} = {value or package}\n"
        )
        monkeypatch.delitem(sys.modules, package, raising=False)

    return _install


def test_a_package_brings_targets_in_its_modules_folder(install: Install, write: Write) -> None:
    install("acme_boards")
    write(name="site/acme_boards/acme-one.toml")
    assert "acme-one" in names()
    assert load("acme-one").device.memory_mb == 4096
    assert faults() == ()


def test_a_package_may_name_a_folder_instead(
    install: Install, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    install("acme_kept", f"WHERE = {str(tmp_path / 'kept')!r}\n", "acme_kept:WHERE")
    write(name="kept/acme-two.toml")
    assert "acme-two" in names()


def test_a_target_may_extend_one_of_a_package(install: Install, write: Write) -> None:
    install("acme_base")
    write(name="site/acme_base/acme-three.toml")
    Path("mine.toml").write_text('extends = "acme-three"\n')
    assert load("mine.toml").backend == "onnxruntime"


def test_the_compilers_own_profile_comes_before_a_packages(install: Install, write: Write) -> None:
    install("acme_shadow")
    write(name="site/acme_shadow/jetson-nano.toml")
    assert load("jetson-nano").backend == "tensorrt"


def test_two_packages_with_one_name_are_not_chosen_between(
    install: Install, write: Write, said: Said, tmp_path: Path
) -> None:
    for package in ("acme_left", "acme_right"):
        install(package)
        write(name=f"site/{package}/acme-four.toml")
    site = tmp_path / "site"
    assert said(names) == (
        "acme-four is the name of two targets\n"
        "  in   package acme_left, acme-four.toml and package acme_right, acme-four.toml\n"
        f"  try  the path of the one you mean: {site}/acme_left/acme-four.toml"
        f" or {site}/acme_right/acme-four.toml"
    )


@pytest.mark.parametrize(
    ("code", "value", "fault"),
    [
        ("raise RuntimeError('no licence')", "", "RuntimeError: no licence"),
        ("WHERE = 3", "acme_bad:WHERE", "TypeError: "),
        ("", "acme_bad:GONE", "AttributeError: "),
        ("", "", "acme_bad holds no .toml files"),
    ],
)
def test_a_broken_package_hides_no_other_target(
    install: Install, said: Said, code: str, value: str, fault: str
) -> None:
    install("acme_bad", code, value)
    assert set(names()) == set(shipped())
    assert load("cpu-server").name == "cpu-server"
    assert len(faults()) == 1
    assert faults()[0].startswith(f"package acme_bad: {fault}")
    assert f"; {faults()[0]}" in said(load, "acme-five")


def test_without_such_packages_nothing_is_announced() -> None:
    assert installed() == ({}, ())


def test_an_unknown_target_names_the_nearest(said: Said) -> None:
    assert said(load, "Raspbery_Pi_4") == (
        "Raspbery_Pi_4 is not a target\n  in   the targets that `mcompile targets` lists\n"
        "  try  raspberry-pi-4; or the path of a profile, which ends in .toml"
    )


def test_an_empty_name_is_told_all_targets(said: Said) -> None:
    message = said(load, "")
    assert message.startswith("an empty name is not a target\n")
    assert all(name in message for name in shipped())


def test_a_folder_in_place_of_a_file_is_told_its_files(write: Write, said: Said) -> None:
    Path("mine").mkdir()
    assert said(load, "mine").endswith("\n  try  the path of a file that ends in .toml")
    write(name="mine/pi.toml")
    assert said(load, "mine") == (
        "mine is a folder, not a profile\n  in   the targets that `mcompile targets` lists\n"
        "  try  mine/pi.toml"
    )


def test_a_path_that_is_not_there_is_not_taken_for_a_name(said: Said) -> None:
    assert said(load, "gone/pi.toml").startswith("there is no such profile\n  in   gone/pi.toml\n")
