# SPDX-License-Identifier: LGPL-2.1-or-later
"""The XML in dbus/ is the contract: what the daemon says of itself is compared with it."""

import glob
import os
import xml.etree.ElementTree as ElementTree

from client import BUS, GLib
from fixture import NAME, environment
from manager import (ACCOUNT, ALLOCATION, MANAGER, PATH, POOL, administrator,
                     daemon_with_clients, user)

CHANGES = f"{BUS}.Property.EmitsChangedSignal"


def annotations(element):
    # What needs no annotation to be so.
    found = {a.get("name"): a.get("value") for a in element.findall("annotation")}
    if element.tag == "property":
        found.setdefault(CHANGES, "true")
    return found


def describe_member(member):
    arguments = []
    for argument in member.findall("arg"):
        usual = "in" if member.tag == "method" else "out"
        direction = argument.get("direction", usual)
        arguments.append((direction, argument.get("type"), argument.get("name")))
    description = {"type": member.get("type"), "access": member.get("access"),
                   "arguments": arguments, "annotations": annotations(member)}
    return (member.tag, member.get("name")), description


def interfaces(xml):
    """{interface: {(kind, member): description}} of those that are ours."""
    found = {}
    for interface in ElementTree.fromstring(xml).findall("interface"):
        if interface.get("name").startswith(NAME):
            members = [m for m in interface if m.tag != "annotation"]
            found[interface.get("name")] = dict(map(describe_member, members))
    return found


def contract():
    found = {}
    for path in glob.glob(os.path.join(environment("CMABULK_DBUS"), "org.cmabulk1.*.xml")):
        with open(path, encoding="utf-8") as file:
            found.update(interfaces(file.read().split("?>", 1)[1]))
    return found


def introspect(client, path):
    return client.call(NAME, path, f"{BUS}.Introspectable", "Introspect").arguments[0]


def encode(name):
    """As sd_bus_path_encode(3)."""
    return "".join(letter if letter.isascii() and letter.isalnum() and (i or not letter.isdigit())
                   else f"_{ord(letter):02x}" for i, letter in enumerate(name))


def is_the_contract(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    # More buffers than one reply carries: the allocation waits for the others to be fetched.
    allocation = alice.allocate(count=20, buffers=20)
    objects = {MANAGER: PATH, POOL: f"{PATH}/pool/main", ALLOCATION: allocation.path,
               ACCOUNT: f"{PATH}/account/{encode(f'default:{alice.uid}')}"}
    wanted = contract()
    assert set(wanted) == set(objects), f"dbus/ has {sorted(wanted)}"
    for interface, path in objects.items():
        offered = interfaces(introspect(alice, path))
        assert set(offered) == {interface}, f"{path} has {sorted(offered)}"
        for member in sorted(set(wanted[interface]) | set(offered[interface])):
            have, want = offered[interface].get(member), wanted[interface].get(member)
            assert have == want, f"{interface} {member}: {have}, where dbus/ has {want}"
    allocation.close()


def finds_every_pool(bus):
    daemon_with_clients(bus, "main=64M", "camera=16M")
    client = administrator(bus)
    nodes = ElementTree.fromstring(introspect(client, f"{PATH}/pool")).findall("node")
    assert {node.get("name") for node in nodes} == {"main", "camera"}, "not the pools that are"
    assert [path for path, _ in client.pools()] == [f"{PATH}/pool/camera", f"{PATH}/pool/main"]


def values_have_their_types(bus):
    """Every property is there, of its type, and GetAll and ListPools agree."""
    daemon_with_clients(bus)
    client = administrator(bus)
    allocation = client.allocate(count=1)
    account = f"{PATH}/account/{encode('default:0')}"
    for interface, path in ((MANAGER, PATH), (POOL, f"{PATH}/pool/main"), (ACCOUNT, account)):
        everything = client.get_properties(NAME, path, interface)
        wanted = {name: description["type"] for (kind, name), description
                  in contract()[interface].items() if kind == "property"}
        assert set(everything) == set(wanted), f"{path}: {sorted(everything)}"
        for name, type_ in wanted.items():
            body = GLib.Variant("(ss)", (interface, name))
            reply = client.call(NAME, path, f"{BUS}.Properties", "Get", body)
            value = reply.message.get_body().get_child_value(0).get_variant()
            assert value.get_type_string() == type_, f"{name} is {value.get_type_string()}"
    [(_, listed)] = client.pools()
    assert listed == client.pool()
    allocation.close()

