# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine that goes to sleep with everything in use. It is run without the source tree (`apart`): the machine's
file system for that does not live through it."""

import drills
import kernel_pool
from machine import main_pid

SUCCESSES = "/sys/power/suspend_stats/success"


def sleeps_and_wakes():
    """Processes are frozen and devices put to sleep for 5 seconds: what waited goes on to wait, buffers have what
    was in them, and the daemon is the one that it was. The journal has that the machine slept, and the daemon
    nothing to say of it."""
    scene = drills.Scene()
    before = int(kernel_pool.read(SUCCESSES))
    kernel_pool.write("/sys/power/pm_test", "devices")
    try:
        kernel_pool.write("/sys/power/state", "freeze")
    finally:
        kernel_pool.write("/sys/power/pm_test", "none")
    assert int(kernel_pool.read(SUCCESSES)) == before + 1
    assert main_pid() == scene.pid
    scene.expect_waiting()
    scene.expect_kept()
    scene.expect_served()
    drills.expect_journal(scene.cursor, "_TRANSPORT=kernel", text="PM: suspend entry")
    drills.expect_journal(scene.cursor, "_TRANSPORT=kernel", text="PM: suspend exit")
    assert not drills.machine.entries_after(scene.cursor, drills.OURS)
    scene.held.close()
    last = scene.waiter.finish_allocate(scene.serial)
    assert last.status == "complete", last.report
    last.close()
    scene.end()


TESTS = [sleeps_and_wakes]
