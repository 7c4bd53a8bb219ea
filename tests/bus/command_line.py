# SPDX-License-Identifier: LGPL-2.1-or-later
"""cmabulkctl with the daemon, as people and scripts use it."""

import ctypes
import fcntl
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import termios
import threading
import unittest

from fixture import PATIENCE, environment, eventually
from installed import Application, install, options_for, run, start
from manager import (ALICE, BOB, CAROL, CLIENTS, CLIENTS_CONFIGURATION, MIB, PAGE, STRANGER,
                     administrator, daemon_with_clients, user)

CLONE_FILES = 0x400
CLONE_NEW_MOUNTS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
ROOT = {"uid": 0, "groups": ()}
NOBODY = {"uid": STRANGER, "groups": (STRANGER,)}
MEDIA = "[Account media]\nUser=games\nMaxBytes=16M\nMaxBuffers=20\n"


def expect(bus, code, *arguments, stderr="", **options):
    done = run(bus, "CMABULKCTL", *arguments, **options)
    assert done.returncode == code, (arguments, done)
    assert stderr in done.stderr, (arguments, done)
    return done.stdout


def read_json(bus, *arguments, code=0, **options):
    return json.loads(expect(bus, code, "--json", *arguments, **options))


def rows(table):
    """A table for people as dictionaries."""
    titles, *lines = (line.split() for line in table.splitlines())
    return [dict(zip(titles, line)) for line in lines]


def status_of_the_daemon(bus):
    daemon_with_clients(bus, "main=64M", "npu=32M")
    text = expect(bus, 0, "status", **NOBODY)
    assert text.startswith("cmabulkd ") and "simulated" in text.splitlines()[0], text
    assert [row["POOL"] for row in rows(text.partition("\n")[2])] == ["main", "npu"], text
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        found = read_json(bus, "status")
        assert (found["simulated"], found["problems"]) == (True, []), found
        main, npu = found["pools"]
        assert (main["name"], main["kind"], main["engine"]) == ("main", "sim", "simulated"), main
        assert main["states"]["exported"] * main["page_size"] == 1 << 20, main
        assert main["buffers"] == 4 and npu["buffers"] == 0, found


def versions_are_told(bus):
    daemon_with_clients(bus)
    for who in ROOT, NOBODY:
        found = read_json(bus, "version", **who)
        assert found["daemon"] == found["library"] == found["version"], found
        assert found["problems"] == [], found
        text = expect(bus, 0, "version", **who)
        assert f"\ncmabulkd {found['daemon']}\n" in text, text
    assert read_json(bus, "--direct", "version")["daemon"] is None


def pools_are_for_everybody(bus):
    daemon_with_clients(bus)
    for who in ROOT, NOBODY:
        [row] = rows(expect(bus, 0, "pools", **who))
        assert (row["NAME"], row["ENGINE"], row["SIZE"]) == ("main", "simulated", "64M"), row
    assert "no device can use them" in expect(bus, 0, "pools", "main", **NOBODY)
    assert read_json(bus, "pools", "main", **NOBODY)["survey"] is None
    survey = read_json(bus, "pools", "main")["survey"]
    assert survey["blocks"] == survey["blocks_free"] == 32, survey
    expect(bus, 4, "pools", "nonsense", stderr="there is no pool of that name")


def alloc_reports(bus):
    daemon_with_clients(bus, "main=64M,unmovable=4")
    text = expect(bus, 0, "alloc", "100x64K", "--buffers", "7")
    assert text.startswith("complete: 100 of 100 chunks of 64K (6.2M) from pool main (simulated)")
    assert "buffers: 2 of 960K, 5 of 896K\n" in text, text
    report = read_json(bus, "alloc", "100", "--buffers=33", "--label", "frames")
    assert (report["status"], report["kind"], report["reason"]) == ("complete", "sim", None)
    assert [b["name"] for b in report["buffers"]] == [f"frames-{i}" for i in range(33)], report
    assert sum(step["granted"] for step in report["steps"]) == 100
    assert report["cause"] is None and report["hint"] is None and "cause:" not in text, report
    report = read_json(bus, "alloc", "64M", "--minimum", "1", code=0)
    assert (report["status"], report["error"]) == ("partial", "EBUSY"), report
    assert 0 < report["granted"] < 1024 and report["reason"], report
    # The unmovable pages: what they are called is the simulation's affair.
    assert report["cause"] in ("pinned", "busy") and report["hint"], report
    text = expect(bus, 0, "alloc", "64M", "--minimum", "1")
    assert f"\ncause: {report['cause']}; {report['hint']}\n" in text, text
    expect(bus, 3, "alloc", "64M", stderr="the request came short: ")
    expect(bus, 1, "alloc", "1G", stderr="pool main")
    administrator(bus).wait_whole()


def devices_have_pools(bus):
    daemon_with_clients(bus, "video=16M", "reserve=32M", configuration=(
        "[Device lens]\nNode=/dev/null\nPools=gone video later reserve\n"
        "[Device none]\nPools=gone\n"))
    for device in "lens", "/dev/null":
        assert expect(bus, 0, "pools", "--device", device) == "video\nlater\nreserve\n"
        assert read_json(bus, "pools", "--device", device) == \
            {"pool": "video", "fallbacks": ["later", "reserve"]}
        assert read_json(bus, "alloc", "5", "--device", device)["pool"] == "video"
    assert read_json(bus, "alloc", "5")["pool"] == "reserve"
    for device in "nobody", "/dev/zero":
        expect(bus, 4, "pools", "--device", device, stderr=device)
        expect(bus, 4, "alloc", "5", "--device", device, stderr=device)
    for verb in ("pools", "alloc 5"):
        expect(bus, 4, *verb.split(), "--device", "none", stderr="has no pool now")
        expect(bus, 1, *verb.split(), "--device", "/dev/../null", stderr="is none")
        expect(bus, 5, *verb.split(), "--device", "lens", **NOBODY)


def limits_have_an_exit_code(bus):
    daemon_with_clients(bus, configuration=MEDIA)
    with Application(bus) as application:
        application.expect("allocate 128 1 0", "allocate: complete")
        expect(bus, 6, "alloc", "9M", stderr="account media")
        # Says how much it has, and how much it asked for.
        done = run(bus, "CMABULKCTL", "alloc", "9M")
        assert re.search(r" has 8(\.0)? MiB .* 9(\.0)? MiB more", done.stderr), done
        expect(bus, 0, "alloc", "8M")
        expect(bus, 0, "alloc", "9M", uid=BOB)
    expect(bus, 5, "alloc", "1", **NOBODY)
    expect(bus, 5, "reload", stderr="only root")


def exit_codes_of_the_page():
    page = os.path.join(environment("CMABULK_DBUS"), "..", "man", "cmabulkctl.1")
    with open(page, encoding="ascii") as text:
        section = text.read().split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
    return {int(code) for line in re.findall(r"^\.It (.*)$", section, flags=re.M)
            for code in re.findall(r"\d+", line)}


def every_exit_code_is_documented(bus):
    """And each is met, by what the page says that it is for."""
    daemon_with_clients(bus, configuration=MEDIA)
    calls = {
        0: ["status"],
        1: ["alloc", "1G"],
        2: ["alloc", "many"],
        4: ["pools", "nonsense"],
        5: ["reload"],
        6: ["alloc", "17M"],
        126: ["alloc", "1", "--", "/dev/null"],
        127: ["alloc", "1", "--", "/nonexistent/program"],
    }
    for code, arguments in calls.items():
        expect(bus, code, *arguments)
    with Application(bus, uid=BOB, groups=(CLIENTS,)) as other:
        other.expect("allocate 900 1 0", "allocate: complete")
        expect(bus, 3, "alloc", "15M", "--timeout", "100ms")
    # Of a command, its own.
    expect(bus, 42, "alloc", "1", "--", "sh", "-c", "exit 42")
    assert {*calls, 3} == exit_codes_of_the_page(), exit_codes_of_the_page()


def accounts_are_shown(bus):
    shared = "[Account vendor]\nGroup=staff\nShared=yes\nMaxBytes=50%\n"
    daemon_with_clients(bus, configuration=MEDIA + shared)
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        [mine] = read_json(bus, "accounts")["accounts"]
        assert mine == {"account": "media", "uid": 5, "pool": "main", "used": 1 << 20,
                        "minimum": 0, "maximum": 16 << 20, "buffers": 4, "maximum_buffers": 20, "pending": 0,
                        "maximum_pending": 64, "weight": 100, "runtime": [], "persistent": [],
                        "default": False}, mine
        table = rows(expect(bus, 0, "accounts", **ROOT))
        assert [(row["ACCOUNT"], row["USER"], row["USED"]) for row in table] == \
            [("media", "games", "1M"), ("vendor", "(shared)", "0B")], table


def accounts_are_changed(bus):
    daemon_with_clients(bus, configuration=MEDIA)
    expect(bus, 0, "accounts", "set", "media", "MaxBytes=8M", "Weight=30", "--persistent", **ROOT)
    expect(bus, 0, "accounts", "set", "media", "MaxBuffers=4", **ROOT)
    [mine] = read_json(bus, "accounts")["accounts"]
    assert (mine["maximum"], mine["maximum_buffers"], mine["weight"]) == (8 << 20, 4, 30), mine
    assert sorted(mine["runtime"]) == ["MaxBuffers", "MaxBytes", "Weight"], mine
    assert sorted(mine["persistent"]) == ["MaxBytes", "Weight"], mine
    [row] = rows(expect(bus, 0, "accounts"))
    assert sorted(row["CHANGED"].split(",")) == ["MaxBuffers", "MaxBytes*", "Weight*"], row
    expect(bus, 6, "alloc", "9M", stderr="account media")
    expect(bus, 0, "accounts", "set", "media", "MaxBytes=", **ROOT)
    expect(bus, 0, "alloc", "9M")
    expect(bus, 1, "accounts", "set", "media", "MaxBytes=lots", "Weight=5",
           stderr="[Account media] MaxBytes: \"lots\" is wrong", **ROOT)
    expect(bus, 0, "accounts", "unset", "media", **ROOT)
    [row] = rows(expect(bus, 0, "accounts"))
    assert (row["CHANGED"], row["MAXIMUM"], row["WEIGHT"]) == ("-", "16M", "100"), row
    for verb in (["set", "media", "Weight=5"], ["unset", "media"]):
        expect(bus, 5, "accounts", *verb, stderr="only root")


def buffers_are_ones_own(bus):
    daemon_with_clients(bus)
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        for who in ({}, ROOT):
            entries = read_json(bus, "buffers", **who)["buffers"]
            assert len(entries) == 4, entries
            assert {(e["uid"], e["label"], e["standing"]) for e in entries} == \
                {(5, "client", "managed")}, entries
        assert read_json(bus, "buffers", uid=BOB) == {"buffers": []}


def opens_and_maps(child, name):
    """A child that has the first of two buffers open, twice, and the second mapped alone."""
    _, fds = child.hear()
    name_process(name)
    os.dup(fds[0])
    memory = mmap.mmap(fds[1], 0)
    # Python keeps a descriptor of its own for what it mapped.
    for fd in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{fd}"
        if os.path.exists(path) and os.path.samestat(os.stat(path), os.stat(fds[1])):
            if int(fd) != fds[1]:
                os.close(int(fd))
    os.close(fds[1])
    child.say("done")
    memory[0] = 1
    child.linger()


def name_process(name):
    pr_set_name = 15
    ctypes.CDLL(None).prctl(pr_set_name, name)


def holders_are_found(bus):
    daemon_with_clients(bus)
    # Before there are any: a child inherits what its parent has.
    child = bus.child(lambda child: opens_and_maps(child, b"evil\033\xe4name"), uid=BOB)
    alice = user(bus)
    allocation = alice.allocate(count=2, buffers=2)
    child.say("take", allocation.fds)
    child.hear()
    everyone = read_json(bus, "buffers", "--holders", **ROOT)
    # In a container some of its processes are closed to root, too.
    assert "unreadable" in everyone, everyone
    mine = {"pid": os.getpid(), "uid": 0}
    his = {"pid": child.pid, "uid": BOB, "command": "evil??name"}
    found = []
    for entry in sorted(everyone["buffers"], key=lambda entry: entry["id"]):
        [me] = [h for h in entry["holders"] if h["pid"] == os.getpid()]
        [him] = [h for h in entry["holders"] if h["pid"] == child.pid]
        assert mine.items() <= me.items() and his.items() <= him.items(), entry
        assert len(entry["holders"]) == 2, entry
        found.append((him["descriptors"], him["mappings"]))
        assert (me["descriptors"], me["mappings"]) == (1, 0), entry
    assert found == [(2, 0), (0, 1)], found
    table = rows(expect(bus, 0, "buffers", "--holders", "--pool", "main", **ROOT))
    assert sorted((row["OPEN"], row["MAPPED"]) for row in table if row["PID"] == str(child.pid)) \
        == [("0", "1"), ("2", "0")], table
    allocation.close()
    child.kill()
    alice.wait_whole()


def keeps_in_threads(child):
    """A child whose first thread has ended; two others have descriptors, not the same ones."""
    _, fds = child.hear()
    library = ctypes.CDLL(None, use_errno=True)
    is_ready = threading.Event()

    def keep_apart():
        assert library.unshare(CLONE_FILES) == 0, ctypes.get_errno()
        # In the table of this thread alone.
        os.dup(fds[0])
        os.close(fds[1])
        is_ready.set()
        child.linger()

    threading.Thread(target=keep_apart).start()
    threading.Thread(target=child.linger).start()
    is_ready.wait()
    child.say("done")
    library.pthread_exit(None)


def holders_are_found_in_threads(bus):
    daemon_with_clients(bus)
    child = bus.child(keeps_in_threads, uid=BOB)
    alice = user(bus)
    allocation = alice.allocate(count=2, buffers=2)
    child.say("take", allocation.fds)
    child.hear()
    status = f"/proc/{child.pid}/status"

    def first_has_ended():
        with open(status, encoding="ascii") as lines:
            return "State:\tZ" in lines.read()
    eventually("the first thread ended", first_has_ended)
    found = []
    entries = read_json(bus, "buffers", "--holders", **ROOT)["buffers"]
    for entry in sorted(entries, key=lambda entry: entry["id"]):
        [him] = [h for h in entry["holders"] if h["pid"] == child.pid]
        assert him["uid"] == BOB and him["mappings"] == 0, entry
        found.append(him["descriptors"])
    # Those that threads share are counted once.
    assert found == [3, 1], found
    allocation.close()
    child.kill()
    alice.wait_whole()


def holders_one_may_not_see_are_counted(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate(count=1)
    # What it was sent counts as read with the next call.
    alice.pools()
    with Application(bus) as application:
        application.expect("allocate 16 1 0", "allocate: complete")
        found = read_json(bus, "buffers", "--holders")
        assert found["unreadable"] > 0, found
        by_size = {entry["bytes"]: entry["holders"] for entry in found["buffers"]}
        # The other one is held by this process, which is root's.
        assert by_size[PAGE] == [], found
        [holder] = by_size[16 * 65536]
        assert holder["pid"] == application.process.pid and holder["uid"] == ALICE, found
        done = run(bus, "CMABULKCTL", "buffers", "--holders")
        assert done.returncode == 0 and "root sees all" in done.stderr, done
        assert re.search(r"^main +\d+ +4K +\S+ +- +- +- +- +- ", done.stdout, flags=re.M), done
    allocation.close()


def run_where_processes_are_hidden(bus, *arguments, **who):
    program = install(bus, environment("CMABULKCTL"))
    options = options_for(bus, **who)
    become = options.pop("preexec_fn")

    def enter():
        library = ctypes.CDLL(None, use_errno=True)
        assert library.unshare(CLONE_NEW_MOUNTS) == 0, ctypes.get_errno()
        for source, kind, flags, data in ((b"none", None, MS_REC | MS_PRIVATE, None),
                                          (b"proc", b"proc", 0, b"hidepid=2")):
            place = b"/proc" if kind else b"/"
            assert library.mount(source, place, kind, flags, data) == 0, ctypes.get_errno()
        become()
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True,
                          timeout=PATIENCE, preexec_fn=enter, **options)


def holders_that_are_hidden_are_told_of(bus):
    hide = ["unshare", "--mount", "mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc"]
    if subprocess.run(hide, check=False).returncode:
        raise unittest.SkipTest("nobody may mount /proc here, as in a container")
    daemon_with_clients(bus)
    with Application(bus) as application:
        application.expect("allocate 16 1 0", "allocate: complete")
        for who, is_hidden in ({}, True), (ROOT, False):
            done = run_where_processes_are_hidden(bus, "buffers", "--holders", **who)
            assert ("/proc hides processes of others" in done.stderr) == is_hidden, done
            done = run_where_processes_are_hidden(bus, "--json", "buffers", "--holders", **who)
            found = json.loads(done.stdout)
            assert found["hidden"] == is_hidden, found
            [entry] = found["buffers"]
            assert [h["pid"] for h in entry["holders"]] == [application.process.pid], found
        assert read_json(bus, "buffers", "--holders")["hidden"] is False


def reload_says_what_is_wrong(bus):
    daemon = daemon_with_clients(bus)
    expect(bus, 0, "reload", **ROOT)
    daemon.configure(CLIENTS_CONFIGURATION + "[Account media]\nUser=games\nMaxBites=1\n")
    text = expect(bus, 1, "reload", **ROOT)
    assert "[Account media] MaxBites" in text, text
    [problem] = read_json(bus, "reload", code=1, **ROOT)["problems"]
    assert problem in expect(bus, 0, "status"), problem
    assert problem in expect(bus, 0, "doctor"), problem
    daemon.configure(CLIENTS_CONFIGURATION)
    assert read_json(bus, "reload", **ROOT) == {"problems": []}


def prepared_is_there(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    text = expect(bus, 0, "prepare", "8M", "--expire", "1min", "--label", "soon")
    assert text == "128 chunks of 64K are being claimed, and kept for 1min\n", text
    eventually("it is claimed", lambda: root.pool()["Reserved"] == 8 << 20)
    [entry] = read_json(bus, "buffers")["buffers"]
    assert (entry["kind"], entry["label"]) == ("reservation", "soon"), entry
    text = expect(bus, 0, "alloc", "8M")
    assert "128 of 128 chunks of 64K (8M) from pool main (simulated) in" in text, text
    assert ", 128 of them prepared" in text, text
    told = read_json(bus, "prepare", "4x4K", "--order", "0")
    assert told == {"requested": 4, "chunk_size": 4096, "expire_us": 30000000}, told
    eventually("it is claimed", lambda: root.pool()["Reserved"] == 4 * 4096)
    assert read_json(bus, "alloc", "4x4K")["prepared"] == 4
    assert read_json(bus, "alloc", "4x4K")["prepared"] == 0
    expect(bus, 1, "prepare", "65M", stderr="pool main has 64 MiB in all")


def doctor_sees_the_daemon(bus):
    def checks(code=0, **who):
        found = read_json(bus, "doctor", code=code, **who)
        assert all(f["remedy"] for f in found["findings"] if f["result"] != "ok"), found
        return {(f["check"], f["result"]) for f in found["findings"]}

    daemon = daemon_with_clients(bus)
    for who in ({}, ROOT):
        found = checks(**who)
        assert {("daemon", "ok"), ("simulated", "warn"), ("access", "ok")} <= found, found
    assert ("access", "warn") in checks(**NOBODY)
    daemon.stop()
    assert ("daemon", "fail") in checks(code=1)


def doctor_explains(bus):
    """Whether there is room for what is wanted, and of polkit nothing where it is not asked."""
    daemon_with_clients(bus, "main=400M", "small=64M", configuration=MEDIA)

    def find(check, **who):
        return [f["message"] for f in read_json(bus, "doctor", **who)["findings"]
                if f["check"] == check]

    reference = "the reference request of 4800x64K (300M)"
    fits = "would fit as it is, as far as the account and what others are guaranteed allow"
    main, small = find("survey", **ROOT)
    assert main.endswith(f"; {reference} {fits}"), main
    assert small.endswith(f"; too small for {reference}"), small
    holder = user(bus, BOB).allocate(count=200 * MIB // PAGE, pool="main")
    # A survey is kept for a moment.
    eventually("others have it", lambda: find("survey", **ROOT)[0].endswith(
        f"; {reference} would come short by 100M now"))
    # What is prepared is taken, but maybe not by others.
    expect(bus, 0, "prepare", "100M", "--pool", "main", **ROOT)
    eventually("some is claimed ahead", lambda: find("survey", **ROOT)[0].endswith(
        f"; {reference} would come short by 200M now; 100M more is cached or claimed ahead"))
    expect(bus, 0, "alloc", "100M", "--pool", "main", **ROOT)
    # Who may not have as much needs less.
    for survey in find("survey"):
        assert survey.endswith(f"; all that account media may still have (16M) {fits}"), survey
    holder.close()
    # What it has it need not get again.
    with Application(bus) as application:
        application.expect("allocate 128 1 0", "allocate: complete")
        main, small = find("survey")
        assert main.endswith(f"; all that account media may still have (8M) {fits}"), main
        assert "may still have (16M)" in small, small
        application.expect("release", "release: done")
        application.expect("allocate 256 1 0", "allocate: complete")
        assert find("survey")[0].endswith("; account media may have no more of it"), find("survey")
    # Nothing is known of the account of somebody who has nothing.
    for who in {"uid": CAROL}, ROOT:
        eventually("it is all there again", lambda who=who: find("survey", **who)[0].endswith(f"; {reference} {fits}"))
    # Nor does who asks see what others are guaranteed, which may be why it is refused.
    administrator(bus).set_account("promised", User="bin", MinBytes="30%")
    expect(bus, 1, "alloc", "4800x64K", "--pool", "main", stderr="guaranteed", uid=CAROL)
    assert find("survey", uid=CAROL)[0].endswith(f"; {reference} {fits}"), find("survey", uid=CAROL)
    # The system's polkit is not on this bus.
    for who, name in ({}, "games"), (ROOT, "root"):
        assert find("access", **who) == [f"the daemon serves user {name}"], find("access", **who)


def doctor_knows_limits(bus):
    daemon = daemon_with_clients(bus, configuration=MEDIA)

    root = administrator(bus)

    def find(check, **who):
        return [f for f in read_json(bus, "doctor", **who)["findings"] if f["check"] == check]

    def accounts(**who):
        return find("account", **who)

    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        [account] = accounts()
        assert account["result"] == "ok" and account["remedy"] is None, account
        assert account["message"].startswith(
            "account media in pool main: 1M of 16M used, 4 of 20 buffers, 0 of "), account
        # Others' are no concern of theirs, not even root's, who sees them.
        assert accounts(**ROOT) == accounts(uid=BOB) == []
        for chunks, buffers, limit in (20, 20, "MaxBuffers"), (256, 1, "MaxBytes"):
            application.expect("release", "release: done")
            root.wait_whole()
            application.expect(f"allocate {chunks} {buffers} 0", "allocate: complete")
            [account] = accounts()
            assert account["result"] == "warn" and f"{limit}=MORE" in account["remedy"], account
        # To raise the limits of others would help him nothing.
        daemon.configure(CLIENTS_CONFIGURATION + f"[Account media]\nGroup={STRANGER}\n")
        expect(bus, 0, "reload", **ROOT)
        [account] = [a for a in accounts() if "account media " in a["message"]]
        assert account["result"] == "ok" and account["remedy"] is None, account
        assert "not this user's any more" in account["message"], account
    root.wait_whole()
    assert find("guarantee") == []
    holder = root.allocate(count=48 * MIB // PAGE)
    root.set_account("promised", User="bin", MinBytes="32M")
    [guarantee] = find("guarantee")
    assert guarantee["result"] == "warn" and "MinBytes" in guarantee["remedy"], guarantee
    holder.close()
    root.wait_whole()


WAITING = {
    "alloc 5": "allocating",
    "accounts": "listing the accounts",
    "buffers": "listing the buffers",
    "doctor": "checking",
    "metrics": "getting the metrics",
    "pools": "looking at the pools",
    "pools main": "looking at the pools",
    "prepare 5": "preparing",
    "reload": "reloading the configuration",
    "status": "looking at the daemon",
    "top": "looking at the pools",
    "version": "looking for the daemon",
    "accounts set media Weight=3": "changing the account",
}


def read_terminal(terminal, text=""):
    """All that comes, or what comes until there is this text."""
    shown = ""
    while not text or text not in shown:
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # nobody has the other side any more
            break
    return shown


def wait_on_terminal(bus, program, words, line):
    terminal, slave = os.openpty()
    process = subprocess.Popen([program, *words.split()], stdout=subprocess.PIPE, stderr=slave,
                               **options_for(bus, TERM="xterm", **ROOT))
    os.close(slave)
    return process, terminal, line


def waiting_is_told(bus):
    """On a terminal, and wiped out when it is over; elsewhere nobody needs to know."""
    daemon = daemon_with_clients(bus, configuration=MEDIA)
    program = install(bus, environment("CMABULKCTL"))
    with open(os.path.join(environment("CMABULK_DBUS"), "..", "cmabulkctl", "main.c"),
              encoding="ascii") as table:
        verbs = set(re.findall(r'^\t\{ "(\w+)"', table.read(), flags=re.M))
    # It goes on for ever.
    assert verbs - {words.split()[0] for words in WAITING} == {"monitor"}, verbs
    # A few at a time: all of them have to begin before the first has waited as long as it may.
    entries = list(WAITING.items())
    for first in range(0, len(entries), 4):
        daemon.signal(signal.SIGSTOP)
        waiting = [wait_on_terminal(bus, program, *entry) for entry in entries[first:first + 4]]
        quiet = start(bus, "CMABULKCTL", "pools", **ROOT)
        for _, terminal, line in waiting:
            shown = read_terminal(terminal, " so far")
            assert re.match(rf"\r\033\[K{line}, [0-9.]+m?s so far", shown), (line, shown)
        daemon.signal(signal.SIGCONT)
        for process, terminal, line in waiting:
            stdout, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0 and b"\033" not in stdout, (line, stdout)
            assert read_terminal(terminal).endswith("\r\033[K"), line
            os.close(terminal)
        stdout, stderr = quiet.communicate(timeout=PATIENCE)
        assert quiet.returncode == 0 and stdout.startswith("NAME") and not stderr, (stdout, stderr)


def completed(bus, *words):
    """What bash offers for the last of these words."""
    program = install(bus, environment("CMABULKCTL"))
    completion = os.path.join(environment("CMABULK_DBUS"), "..", "cmabulkctl", "completion",
                              "cmabulkctl")
    script = ('. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _cmabulkctl "$1"; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", completion, program, *words],
                          capture_output=True, text=True, timeout=PATIENCE, check=True,
                          **options_for(bus, **ROOT))
    return done.stdout.split()


def completion_knows_names(bus):
    daemon_with_clients(bus, "main=64M", "npu=32M", configuration=MEDIA)

    def check(names, *words):
        # There are none when the daemon is so busy that it takes longer than one likes to wait.
        eventually(f"{words} offers {names}", lambda: completed(bus, *words) == names)

    check(["main", "npu"], "pools", "")
    check(["npu"], "alloc", "--pool", "=", "n")
    with Application(bus) as application:
        application.expect("allocate 16 1 0", "allocate: complete")
        check(["media"], "accounts", "set", "")


def without_the_daemon(bus):
    for verb in (["status"], ["pools"], ["buffers"], ["accounts"], ["reload"], ["metrics"],
                 ["monitor"], ["top"], ["alloc", "5"]):
        expect(bus, 4, *verb, stderr="the cmabulk daemon is not available; start cmabulkd")


def a_command_inherits(bus):
    """Memfds here, and the library takes them for what they are."""
    daemon_with_clients(bus)
    script = "echo $LISTEN_FDS $LISTEN_FDNAMES $CMABULK_SIZES $CMABULK_POOL; ls -l /proc/self/fd"
    text = expect(bus, 0, "alloc", "4x64K", "--buffers", "2", "--label", "frames", "--", "sh", "-c",
                  script)
    assert text.startswith("2 frames-0:frames-1 131072:131072 main\n"), text
    assert text.count("memfd:") == 2, text
    administrator(bus).wait_whole()


def held_until_told(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    holder = start(bus, "CMABULKCTL", "alloc", "1M", "--hold")
    root.wait_for_buffers(1)
    _, errors = holder.communicate(timeout=PATIENCE)
    assert holder.returncode == 0, errors
    root.wait_whole()


def what_is_ignored_ends_nothing(bus):
    """Who is started by nohup, or in the background of a script, goes on."""
    daemon_with_clients(bus)
    root = administrator(bus)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    holder = start(bus, "CMABULKCTL", "alloc", "1M", "--hold")
    signal.signal(signal.SIGHUP, before)
    root.wait_for_buffers(1)
    holder.send_signal(signal.SIGHUP)
    # It reads and forgets what it gets, and looks for signals first.
    holder.stdin.write("and now?\n")
    holder.stdin.flush()
    eventually("it has read on, or ended", lambda: holder.poll() is not None or not unread(holder.stdin))
    assert holder.poll() is None, holder.communicate(timeout=PATIENCE)
    holder.send_signal(signal.SIGTERM)
    _, errors = holder.communicate(timeout=PATIENCE)
    assert holder.returncode == 0, errors
    root.wait_whole()


def unread(pipe):
    """Bytes in a pipe that its reader has not taken yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def full_disk_is_told(bus):
    daemon_with_clients(bus)
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([install(bus, environment("CMABULKCTL")), "alloc", "16x64K"],
                              stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE, check=False, **options_for(bus))
    assert done.returncode == 1 and "standard output" in done.stderr, done
    administrator(bus).wait_whole()


def interrupted_while_waiting(bus):
    """Ctrl-C takes a request back that waits for somebody else's memory."""
    daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus, uid=BOB, groups=(CLIENTS,)) as other:
        other.expect("allocate 768 1 0", "allocate: complete")
        waiting = start(bus, "CMABULKCTL", "alloc", "48M", "--timeout", "infinity")
        root.wait_pending(1)
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=PATIENCE)
        assert waiting.returncode == 3 and "cancelled" in errors, (waiting.returncode, errors)
        root.wait_pending(0)
