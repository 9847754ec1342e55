"""A link between two network namespaces that has no link-layer addresses: a TUN device at either end, packets carried between.

usage: tun-relay.py NAMESPACE INTERFACE NAMESPACE INTERFACE [ADDRESS OCTETS]
With the last two, ICMPv6 errors from that address quote no more than so many octets.
Prints "ready" once both devices exist and ends when its input does, so that it never outlives the lab.
"""
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
LARGEST_PACKET = 65575

libc = ctypes.CDLL(None, use_errno=True)


def open_tun(namespace, interface):
    with open(f"/run/netns/{namespace}", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", interface.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def checksum(packet):
    sums = packet[8:40] + struct.pack("!II", len(packet) - 40, 58) + packet[40:]
    total = sum(struct.unpack(f"!{(len(sums) + 1) // 2}H", sums + bytes(len(sums) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def cut_quote(packet, address, octets):
    """An error of that router, with less of what it is about."""
    if len(packet) <= 48 + octets or packet[6] != 58 or packet[40] >= 128 or packet[8:24] != address:
        return packet
    packet = bytearray(packet[: 48 + octets])
    packet[4:6] = struct.pack("!H", len(packet) - 40)
    packet[42:44] = bytes(2)
    packet[42:44] = struct.pack("!H", checksum(packet))
    return bytes(packet)


address, octets = (socket.inet_pton(socket.AF_INET6, sys.argv[5]), int(sys.argv[6])) if len(sys.argv) > 5 else (None, 0)
near = open_tun(sys.argv[1], sys.argv[2])
far = open_tun(sys.argv[3], sys.argv[4])
other = {near: far, far: near}
print("ready", flush=True)
while True:
    readable, _, _ = select.select([near, far, 0], [], [])
    if 0 in readable:
        break
    for tun in readable:
        try:
            packet = os.read(tun, LARGEST_PACKET)
            os.write(other[tun], cut_quote(packet, address, octets) if address else packet)
        except OSError:
            # The device is down or its queue is full: a link loses the packet.
            pass
