"""A link between two network namespaces that has no link-layer addresses: a TUN device at either end, packets carried between.

usage: tun-relay.py NAMESPACE INTERFACE NAMESPACE INTERFACE
Prints "ready" once both devices exist and ends when its input does, so that it never outlives the lab.
"""
import ctypes
import fcntl
import os
import select
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
            os.write(other[tun], os.read(tun, LARGEST_PACKET))
        except OSError:
            # The device is down or its queue is full: a link loses the packet.
            pass
