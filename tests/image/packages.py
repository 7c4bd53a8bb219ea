# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages: as they are installed, upgraded with everything in use, removed, purged, and installed again.
What they are upgraded to is what `tools/build-packages --suffix +1` makes."""

import contextlib
import json
import os
import pwd
import re
import signal
import subprocess

import drills
import kernel_pool
import machine
from drills import CHUNK, CHUNKS_EACH, OURS, Scene, expect_journal
from fixture import eventually
from kernel import check_marked
from machine import SERVICE, connect, is_active, main_pid, run, unit
from manager import MIB, expect_error

# DKMS compiles in the guest, which takes a quarter of an hour on a busy machine.
UPGRADE_SECONDS = 7200

BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build")
OLD, NEW = os.path.join(BUILD, "packages"), os.path.join(BUILD, "packages-+1")
INSTALLED = ("cmabulk", "cmabulk-dkms", "libcmabulk1")
DAEMON = "/usr/libexec/cmabulkd"
CONFIGURATION, STATE = "/etc/cmabulk", "/var/lib/cmabulk"
NO_NAME = "MESSAGE_ID=30bf21520a2540fea1aad3c8d8f433ea"
ALICE = pwd.getpwnam("alice").pw_uid


def dpkg(*arguments):
    """What it says, its errors among it."""
    done = subprocess.run(["dpkg", "--force-unsafe-io", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, f"dpkg {' '.join(arguments)}: {done.returncode}: {done.stdout}"
    return done.stdout


def package(directory, name):
    [found] = [file for file in os.listdir(directory) if re.fullmatch(rf"{name}_[^_]*_\w+\.deb", file)]
    return os.path.join(directory, found)


def install(directory, *names):
    return dpkg("--install", *(package(directory, name) for name in names))


def version_of(name):
    return run("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Abbrev}", name)


def version_in(directory, name):
    return f"{run('dpkg-deb', '--field', package(directory, name), 'Version')} ii"


def project_version(directory):
    return version_in(directory, "cmabulk").split()[0]


def left_out():
    """What dpkg was told not to unpack in this system."""
    found = []
    directory = "/etc/dpkg/dpkg.cfg.d"
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            found += re.findall(r"^path-exclude=(.*?)/?\*$", file.read(), re.MULTILINE)
    return tuple(found)


@contextlib.contextmanager
def old_ones_in_the_end():
    """Whatever becomes of them, the next test has those of the image."""
    try:
        yield
    finally:
        if version_of("cmabulk") != version_in(OLD, "cmabulk"):
            install(OLD, "libcmabulk1", "cmabulk")


def expect_running(path=DAEMON):
    """The service is what is on the disk, not what was before."""
    assert os.readlink(f"/proc/{main_pid()}/exe") == path


def is_installed_whole():
    """Every file is there and as it was packed, nothing is half done, users and groups exist, the service runs and
    is started by what needs it, and by no target."""
    assert run("dpkg", "--audit") == ""
    excluded = left_out()
    for name in INSTALLED:
        assert version_of(name) == version_in(OLD, name)
        said = run("dpkg", "--verify", name, check=False)
        wrong = [line for line in said.splitlines() if not line.split()[-1].startswith(excluded)]
        assert not wrong, wrong
        missing = [path for path in run("dpkg", "--listfiles", name).splitlines()
                   if not os.path.lexists(path) and not path.startswith(excluded)]
        assert not missing, missing
    user = pwd.getpwnam("cmabulk")
    assert user.pw_uid < 1000 and user.pw_shell.endswith("nologin"), user
    run("getent", "group", "cmabulk-clients")
    assert run("systemctl", "is-enabled", SERVICE) == "static"
    assert is_active()
    expect_running()
    said = json.loads(run("cmabulkctl", "--json", "version"))
    # In a package it is the project's version.
    assert {said["version"], said["library"], said["daemon"]} == {project_version(OLD)}, said


def module_is_dkms_own(directory=OLD):
    """DKMS has built it for this kernel, and no other version of it; it lies where such modules do, and it is the one
    that is loaded."""
    release = os.uname().release
    status = run("dkms", "status", "cmabulk")
    version = re.escape(project_version(directory))
    assert re.fullmatch(rf"cmabulk/{version}, {re.escape(release)}, \w+: installed", status), status
    path = run("modinfo", "--filename", "cmabulk")
    assert path == f"/lib/modules/{release}/updates/dkms/cmabulk.ko", path
    with open(path, "rb") as module, open(f"{kernel_pool.MODULE}/notes/.note.gnu.build-id", "rb") as note:
        assert note.read() in module.read(), "another one is loaded"


def upgraded_with_everything_in_use():
    """The daemon is replaced: who waited is told that it restarts, and asks again over the same connection; buffers
    stay valid and charged. So it is when one goes back to the version before."""
    with old_ones_in_the_end():
        for directory in NEW, OLD:
            scene = Scene()
            install(directory, "libcmabulk1", "cmabulk")
            assert version_of("cmabulk") == version_in(directory, "cmabulk")
            scene.expect_refused("Restarting")
            scene.expect_another()
            expect_running()
            scene.expect_kept()
            scene.wait()
            scene.expect_waiting()
            scene.expect_served()
            expect_journal(scene.cursor, OURS, text="stopping")
            assert not machine.entries_after(scene.cursor, drills.FAILED, drills.OF_UNIT)
            scene.end()


def configuration_survives():
    """What an administrator wrote, and what is to be kept of changes at run time, is as it was after an upgrade, and
    in force."""
    os.makedirs(f"{CONFIGURATION}/cmabulkd.conf.d", exist_ok=True)
    files = {f"{CONFIGURATION}/cmabulkd.conf": "[Account alice]\nUser=alice\nMaxBytes=8M\n",
             f"{CONFIGURATION}/cmabulkd.conf.d/more.conf": "[Account alice]\nMaxBuffers=3\n"}

    def expect_in_force():
        with connect("alice") as alice:
            assert "8 MiB" in expect_error("QuotaExceeded", alice.allocate, count=9 * MIB // 4096)
            expect_error("QuotaExceeded", alice.allocate, count=4, buffers=4)
        with connect() as root:
            held = root.allocate(count=1)
            assert root.account("default", 0)["weight"] == 77, root.accounts()
            held.close()

    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    try:
        with old_ones_in_the_end():
            run("cmabulkctl", "reload")
            run("cmabulkctl", "accounts", "set", "--persistent", "default", "Weight=77")
            expect_in_force()
            install(NEW, "libcmabulk1", "cmabulk")
            for path, text in files.items():
                with open(path, encoding="utf-8") as file:
                    assert file.read() == text, path
            expect_in_force()
            run("cmabulkctl", "accounts", "unset", "default")
    finally:
        for path in files:
            os.unlink(path)
        run("cmabulkctl", "reload")


def removed_and_purged_in_use():
    """Removed, the service stops in order and cannot be started by anybody; who has buffers keeps them, and the
    module its pools; what an administrator wrote stays. Purged, that and what was kept is gone, but the user, who
    may still own something. Installed again, it serves without anybody doing more."""
    scene = Scene()
    run("cmabulkctl", "accounts", "set", "--persistent", "default", "Weight=77")
    os.makedirs(CONFIGURATION, exist_ok=True)
    with open(f"{CONFIGURATION}/cmabulkd.conf", "w", encoding="utf-8") as file:
        file.write("[Daemon]\nFetchTimeoutSec=40s\n")
    pidfd = os.pidfd_open(scene.pid)
    try:
        dpkg("--remove", "cmabulk")
        scene.expect_refused("Restarting")
        assert not machine.is_active() and not os.path.exists(DAEMON)
        try:
            signal.pidfd_send_signal(pidfd, 0)
            raise AssertionError("the daemon still runs")
        except ProcessLookupError:
            pass
        assert unit(SERVICE, "LoadState") == "not-found"
        expect_error("org.freedesktop.DBus.Error.ServiceUnknown", scene.alice.pools)
        check_marked(scene.held.fds, CHUNKS_EACH * CHUNK)
        assert os.path.exists("/dev/cmabulk/main") and kernel_pool.counters()["buffers"] == drills.BUFFERS
        assert os.path.exists(f"{STATE}/accounts.conf") and os.path.exists(f"{CONFIGURATION}/cmabulkd.conf")

        dpkg("--purge", "cmabulk")
        assert not os.path.exists(STATE) and not os.path.exists(CONFIGURATION)
        pwd.getpwnam("cmabulk")
        run("getent", "group", "cmabulk-clients")
        check_marked(scene.held.fds, CHUNKS_EACH * CHUNK)
    finally:
        os.close(pidfd)
        cursor = machine.journal_cursor()
        install(OLD, "cmabulk")
    eventually("it runs", is_active)
    expect_running()
    assert os.stat("/dev/cmabulk/main").st_uid == pwd.getpwnam("cmabulk").pw_uid
    scene.expect_kept()
    scene.expect_served()
    assert not machine.entries_after(cursor, NO_NAME)
    with connect() as root:
        account = root.account("default", ALICE)
        assert account["weight"] == 100, account
    scene.end()


def module_upgraded_in_use():
    """What runs stays as it is, with all that is in its pools, while DKMS builds the new one; that is there when the
    module is next loaded."""
    with machine.file_with(machine.CONFIGURATION, f"[Daemon]\nMaxTimeoutSec={UPGRADE_SECONDS}\n"):
        run("systemctl", "reload", SERVICE)
        upgrade_module(Scene(UPGRADE_SECONDS * 1_000_000))
    run("systemctl", "reload", SERVICE)


def upgrade_module(scene):
    try:
        build = f"/lib/modules/{os.uname().release}/updates/dkms/cmabulk.ko"
        before = os.stat(build)
        loaded = os.stat(kernel_pool.MODULE).st_ino
        print(install(NEW, "cmabulk-dkms"))
        assert version_of("cmabulk-dkms") == version_in(NEW, "cmabulk-dkms")
        after = os.stat(build)
        assert (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns), "it was not built"
        assert os.stat(kernel_pool.MODULE).st_ino == loaded, "another module is loaded"
        assert main_pid() == scene.pid
        scene.expect_kept()
        scene.expect_waiting()
        scene.end()
        with connect() as root:
            kernel_pool.expect_whole(root)
        run("systemctl", "stop", SERVICE)
        run("rmmod", "cmabulk")
        run("modprobe", "cmabulk")
        module_is_dkms_own(NEW)
        eventually("its pools started the service", is_active)
        scene.expect_served()
    finally:
        if version_of("cmabulk-dkms") != version_in(OLD, "cmabulk-dkms"):
            print("the guest ends with the new module")


TESTS = [
    is_installed_whole,
    module_is_dkms_own,
    upgraded_with_everything_in_use,
    configuration_survives,
    removed_and_purged_in_use,
]
LONG = [module_upgraded_in_use]
