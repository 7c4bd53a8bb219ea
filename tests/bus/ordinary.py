# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon needs no root: an ordinary user's serves clients, where the bus lets that user be it."""

import os

from fixture import NAME, PATIENCE, Bus, Process, environment
from manager import (BOB, CLIENTS_CONFIGURATION, EVE, MIB, PAGE, STRANGER, administrator,
                     daemon_with_clients, expect_error, user)

# What org.cmabulk1.conf gives to root and the user cmabulk.
POLICY = f"""<allow own="{NAME}"/>
    <allow send_type="method_call" send_interface="org.freedesktop.DBus.Peer" send_member="Ping"/>
    <allow send_destination="org.freedesktop.PolicyKit1"
           send_interface="org.freedesktop.PolicyKit1.Authority"/>"""


def serves_clients(_):
    with Bus(POLICY) as bus:
        daemon = daemon_with_clients(bus, uid=EVE)
        assert os.stat(f"/proc/{daemon.pid}").st_uid == EVE
        alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
        allocation = alice.allocate(count=40, buffers=40)
        assert len(alice.fetch_all(allocation)) == 40
        # Its pings get through, and their answers confirm.
        others = [bob.allocate(count=MIB // PAGE, buffers=4) for _ in range(3)]
        assert not [entry for entry in bob.list_buffers() if entry["uid"] != BOB]
        # It manages itself, and root does; nobody else.
        itself = user(bus, EVE, ())
        for manager in root, itself:
            manager.manager("Reload")
            assert len(manager.list_buffers()) == 40 + 3 * 4
        itself.allocate(count=1).close()
        sentence = expect_error("NotAuthorized", alice.manager, "Reload")
        assert str(EVE) in sentence, sentence
        expect_error("NotAuthorized", user(bus, STRANGER, ()).allocate, count=1)
        for some in (allocation, *others):
            some.close()
        root.wait_whole()
        daemon.stop()


def says_what_it_may_not(bus):
    """The system's bus lets only root and the user cmabulk be the daemon; it says that, and ends."""
    directory = os.path.join(bus.directory, "ordinary")
    os.mkdir(directory)
    configuration = os.path.join(directory, "cmabulkd.conf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(CLIENTS_CONFIGURATION)
    daemon = Process([environment("CMABULKD"), "--bus-address", bus.address, "--config",
                      configuration, "--simulate", "main=64M"], os.path.join(directory, "log"),
                     user=EVE, group=EVE, extra_groups=[])
    assert daemon.wait(PATIENCE) == 1
    said = daemon.said()
    assert f"cannot be {NAME}" in said and str(EVE) in said and "org.cmabulk1.conf" in said, said
    assert not administrator(bus).name_has_owner(NAME)
