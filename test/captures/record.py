#!/usr/bin/env python3
"""Records the captures of this folder: four network namespaces, real kernel routers, hand-built packets.

    wirecap-src --- wirecap-r1 --- wirecap-r2 --- wirecap-dst
            2001:db8:1::/64  2001:db8:2::/64  2001:db8:3::/64

Needs root, iproute2, nftables, ethtool, tcpdump and tshark; nothing but Python's own library. It shares no code with
src/wire on purpose: what it sends, the kernel and tshark judge. Run it in this folder to record everything anew.
"""
import os
import socket
import struct
import subprocess
import sys
import time

SPACES = ["wirecap-src", "wirecap-r1", "wirecap-r2", "wirecap-dst"]
SRC, R1, R2, DST = SPACES
SOURCE = "2001:db8:1::1"
TARGET = "2001:db8:3::2"
ABSENT = "2001:db8:3::99"
UNROUTED = "2001:db8:ffff::1"
HERE = os.path.dirname(os.path.abspath(__file__))
NO_NDP = "src net 2001:db8::/32 and not (icmp6 and ip6[40] >= 130 and ip6[40] <= 137)"
# Fields alone: checksums verified, nothing guessed from other packets of the file. capture.test.ts says the same.
PREFERENCES = [word for preference in (
    "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE", "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE", "tcp.calculate_timestamps:FALSE", "udp.calculate_timestamps:FALSE",
    "ipv6.defragment:FALSE") for word in ("-o", preference)]


def run(*words, check=True, **more):
    return subprocess.run(words, check=check, capture_output=True, text=True, **more)


def inside(space, *words, **more):
    return run("ip", "netns", "exec", space, *words, **more)


def down():
    for space in SPACES:
        run("ip", "netns", "del", space, check=False)


def up():
    down()
    for space in SPACES:
        run("ip", "netns", "add", space)
        inside(space, "ip", "link", "set", "lo", "up")
        for setting in ("conf.all.forwarding=1" if space in (R1, R2) else "conf.all.forwarding=0",
                        "conf.all.seg6_enabled=0", "icmp.ratelimit=0", "ip6frag_time=1",
                        "conf.all.accept_dad=0", "conf.default.accept_dad=0"):
            inside(space, "sysctl", "-qw", f"net.ipv6.{setting}")
    for number, (left, right) in enumerate(zip(SPACES, SPACES[1:]), 1):
        run("ip", "link", "add", "right", "netns", left, "type", "veth", "peer", "name", "left", "netns", right)
        for space, link, host in ((left, "right", 1), (right, "left", 2)):
            inside(space, "sysctl", "-qw", f"net.ipv6.conf.{link}.dad_transmits=0")
            inside(space, "ip", "address", "add", f"2001:db8:{number}::{host}/64", "dev", link, "nodad")
            inside(space, "ip", "link", "set", link, "up")
            # A checksum left to the device would be captured unfinished.
            inside(space, "ethtool", "-K", link, "tx", "off", "tso", "off", "gso", "off", "gro", "off", check=False)
    inside(SRC, "ip", "route", "add", "default", "via", "2001:db8:1::2")
    inside(R1, "ip", "route", "add", "2001:db8:3::/64", "via", "2001:db8:2::2")
    inside(R2, "ip", "route", "add", "2001:db8:1::/64", "via", "2001:db8:2::1")
    inside(DST, "ip", "route", "add", "default", "via", "2001:db8:3::1")
    time.sleep(1)


def total(data):
    data += b"\0" * (len(data) % 2)
    return sum(struct.unpack(f">{len(data) // 2}H", data))


def checksum(source, target, protocol, body):
    pseudo = address(source) + address(target) + struct.pack(">II", len(body), protocol)
    value = total(pseudo) + total(body)
    while value > 0xFFFF:
        value = (value & 0xFFFF) + (value >> 16)
    return value ^ 0xFFFF


def address(text):
    return socket.inet_pton(socket.AF_INET6, text)


def udp(payload=b"probe", port=33434, target=TARGET):
    body = struct.pack(">HHHH", 49152, port, 8 + len(payload), 0) + payload
    value = checksum(SOURCE, target, 17, body) or 0xFFFF
    return 17, body[:6] + struct.pack(">H", value) + body[8:]


def echo(payload=b"probe", target=TARGET):
    body = struct.pack(">BBHHH", 128, 0, 0, 0xBEEF, 7) + payload
    return 58, body[:2] + struct.pack(">H", checksum(SOURCE, target, 58, body)) + body[4:]


def syn(port, target=TARGET):
    body = struct.pack(">HHIIBBHHH", 50000, port, 0x01020304, 0, 0x50, 2, 1024, 0, 0)
    return 6, body[:16] + struct.pack(">H", checksum(SOURCE, target, 6, body)) + body[18:]


def pdm(psn=25):
    return bytes.fromhex("0f0a") + struct.pack(">BBHHHH", 46, 48, psn, 12, 0xDE0B, 0xA688) + bytes.fromhex("0100")


DO8 = bytes.fromhex("1e0400000000")
DO16 = bytes.fromhex("1e0a00112233445566778899") + bytes.fromhex("0100")


def options(upper, data, kind=60):
    """Puts a header of options (or another of the same form) before (protocol, octets)."""
    protocol, body = upper
    assert (len(data) + 2) % 8 == 0
    return kind, bytes([protocol, (len(data) + 2) // 8 - 1]) + data + body


def fragments(upper, size, identification, prefix=None):
    protocol, body = upper
    pieces = []
    for start in range(0, len(body), size):
        more = start + size < len(body)
        piece = 44, struct.pack(">BBHI", protocol, 0, start | more, identification) + body[start : start + size]
        pieces.append(options(piece, prefix) if prefix else piece)
    return pieces


def packet(upper, hops=64, label=0x12345, traffic_class=0x2E, target=TARGET):
    protocol, body = upper
    word = 6 << 28 | traffic_class << 20 | label
    return struct.pack(">IHBB", word, len(body), protocol, hops) + address(SOURCE) + address(target) + body


def capture(name, packets, wait=0.6, space=SRC, link="right"):
    path = os.path.join(HERE, f"{name}.pcap")
    process = subprocess.Popen(
        ["ip", "netns", "exec", space, "tcpdump", "-Z", "root", "-i", link, "-n", "-U", "--immediate-mode", "-w", path, NO_NDP],
        stderr=subprocess.PIPE, text=True)
    process.stderr.readline()
    time.sleep(0.3)
    code = ("import socket,sys\n"
            "s=socket.socket(socket.AF_INET6,socket.SOCK_RAW,socket.IPPROTO_RAW)\n"
            "import time\n"
            "for line in sys.stdin:\n"
            " p=bytes.fromhex(line)\n"
            " s.sendto(p,(socket.inet_ntop(socket.AF_INET6,p[24:40]),0)); time.sleep(.02)\n")
    inside(SRC, sys.executable, "-c", code, input="\n".join(one.hex() for one in packets))
    time.sleep(wait)
    process.terminate()
    process.wait()
    describe(name)


def describe(name):
    path = os.path.join(HERE, f"{name}.pcap")
    text = run("tshark", "-n", "-r", path, "-O", "ipv6,icmpv6,udp,tcp", *PREFERENCES).stdout
    with open(os.path.join(HERE, f"{name}.tshark.txt"), "w") as file:
        file.write(text)


def main():
    up()
    try:
        record()
    finally:
        down()


def record():
    arms = [lambda u: u, lambda u: options(u, pdm()), lambda u: options(u, DO8), lambda u: options(u, DO16)]
    uppers = [udp(), echo(), syn(443)]
    capture("time-exceeded", [packet(arm(upper), hops) for upper in uppers for arm in arms for hops in (1, 2)])
    capture("port-unreachable", [packet(arm(udp())) for arm in arms])
    capture("echo-reply", [packet(arm(echo())) for arm in arms])
    listener = subprocess.Popen(
        ["ip", "netns", "exec", DST, sys.executable, "-c",
         "import socket\ns=socket.create_server(('::',443),family=socket.AF_INET6)\ninput()"], stdin=subprocess.PIPE)
    time.sleep(0.5)
    capture("tcp-answers", [packet(arm(syn(port))) for port in (443, 444) for arm in arms])
    listener.communicate(b"\n")
    capture("no-route", [packet(options(udp(target=UNROUTED), pdm()), target=UNROUTED)])
    capture("address-unreachable", [packet(options(udp(target=ABSENT), pdm()), target=ABSENT)], wait=4)
    for reason in ("no-route", "admin-prohibited", "addr-unreachable", "port-unreachable", "policy-fail", "reject-route"):
        rules = f"table ip6 t {{ chain c {{ type filter hook forward priority 0; exthdr dst exists reject with icmpv6 type {reason}; }}; }}"
        inside(R2, "nft", "-f", "-", input=rules)
        capture(f"reject-{reason}", [packet(arm(echo())) for arm in arms])
        inside(R2, "nft", "delete", "table", "ip6", "t")
    unknown = [bytes([kind, 10]) + b"\0" * 10 + b"\1\0" for kind in (0x4F, 0x8F, 0xCF)]
    capture("parameter-problem", [
        *[packet(options(udp(), data)) for data in unknown],
        packet(options((200, b"\0" * 8), pdm())),
        packet((200, b"\0" * 8)),
        packet((43, bytes([17, 0, 0, 1, 0, 0, 0, 0]) + udp()[1])),
        packet((43, bytes([17, 0, 253, 1, 0, 0, 0, 0]) + udp()[1])),
    ])
    capture("chain", [
        packet(options(options(echo(), pdm()), bytes.fromhex("010400000000"), kind=0)),
        packet(options(options(options(echo(), pdm()), bytes([253, 0, 0, 0, 0, 0]), kind=43), DO8), 1),
        packet(options((51, bytes([58, 4]) + b"\0\0" + bytes(range(20)) + echo()[1]), pdm()), 1),
        packet((50, bytes(range(24))), 1),
        packet((59, b""), 1),
        packet(options((59, b""), pdm()), 1),
        packet(options((135, bytes([59, 0, 0, 0, 0, 0, 0, 0])), pdm()), 1),
    ])
    capture("misplaced-hop-by-hop", [packet(options(options(udp(), DO8, kind=0), DO8))])
    capture("pdmv2-draft", [packet(options(udp(), bytes([0x0F, size]) + bytes(range(size)) + b"\1\0"), 1) for size in (0x12, 0x22)])
    big = udp(bytes(range(256)) * 5)
    pieces = fragments(udp(bytes(range(200))), 104, 0xDEADBEEF, pdm())
    capture("fragments", [
        *[packet(piece) for piece in pieces],
        *[packet(piece, 1) for piece in pieces],
        packet(fragments(udp(bytes(range(200))), 104, 0xCAFE)[0]),
        packet(fragments(echo(), 400, 1)[0]),
    ], wait=3)
    inside(R2, "ip", "link", "set", "right", "mtu", "1280")
    capture("packet-too-big", [packet(arm(big)) for arm in arms])
    inside(R2, "ip", "link", "set", "right", "mtu", "1500")
    # What NAT66 and policers do to a packet, short of its addresses: a router further on quotes it rewritten.
    rules = "table ip6 t { chain c { type filter hook forward priority 0; ip6 flowlabel 0x12345 ip6 flowlabel set 0x54321 ip6 dscp set cs1; }; }"
    inside(R1, "nft", "-f", "-", input=rules)
    capture("rewritten", [packet(options(upper, pdm()), 2) for upper in uppers])
    inside(R1, "nft", "delete", "table", "ip6", "t")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for one in sys.argv[1:]:
            describe(one.removesuffix(".pcap"))
    else:
        main()
