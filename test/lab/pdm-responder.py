"""A host that answers echo requests and UDP with RFC 8250 PDM in every answer. It stands in for the kernel of its namespace,
which must be kept from answering itself (drop both at `input`).

usage: pdm-responder.py INTERFACE DELAY_MS
Prints "ready" once it listens, waits DELAY_MS before each answer, and ends when its input does.
"""
import os
import select
import socket
import struct
import sys
import time

ETH_P_IPV6 = 0x86DD
PACKET_HOST = 0
UDP, ICMPV6, DESTINATION_OPTIONS = 17, 58, 60
ATTOSECONDS_PER_NS = 10**9


def scaled(nanoseconds):
    """RFC 8250 section 3.2.2: the 16 most significant bits, and how many were shifted out."""
    value = nanoseconds * ATTOSECONDS_PER_NS
    scale = max(0, value.bit_length() - 16)
    return scale, value >> scale


def checksum(source, destination, protocol, message):
    data = source + destination + struct.pack("!II", len(message), protocol) + message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def read_probe(packet):
    """(protocol, message, PSNTP or None), or None for what is not ours to answer."""
    protocol, at, psn = packet[6], 40, None
    if protocol == DESTINATION_OPTIONS:
        protocol, length = packet[40], 8 * (packet[41] + 1)
        if packet[42:44] == b"\x0f\x0a":
            (psn,) = struct.unpack("!H", packet[46:48])
        at += length
    return protocol, packet[at : 40 + struct.unpack("!H", packet[4:6])[0]], psn


def answer_to(protocol, message):
    if protocol == ICMPV6 and message[0] == 128:
        return (message[4:6], b""), b"\x81\0\0\0" + message[4:], 2
    if protocol == UDP:
        return (message[0:2], message[2:4]), message[2:4] + message[0:2] + message[4:6] + b"\0\0" + message[8:], 6
    return None


class Flow:
    """What RFC 8250 section 3 keeps for a 5-tuple."""

    def __init__(self):
        self.psn = int.from_bytes(os.urandom(2), "big")
        self.last_psn = 0
        self.sent_ns = None


interface, delay_s = sys.argv[1], float(sys.argv[2]) / 1000
receiver = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IPV6))
receiver.bind((interface, ETH_P_IPV6))
sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
flows = {}
print("ready", flush=True)
while True:
    readable, _, _ = select.select([receiver, 0], [], [])
    if 0 in readable:
        break
    packet, (_, _, kind, _, _) = receiver.recvfrom(65536)
    received_ns = time.monotonic_ns()
    if kind != PACKET_HOST or len(packet) < 48:
        continue
    protocol, message, psn = read_probe(packet)
    answer = answer_to(protocol, message)
    if answer is None:
        continue
    ports, body, checksum_at = answer
    source, destination = packet[8:24], packet[24:40]
    flow = flows.setdefault((source, destination, protocol, ports), Flow())
    if psn is not None:
        flow.last_psn = psn
    since_sent = scaled(0 if flow.sent_ns is None else received_ns - flow.sent_ns)
    time.sleep(delay_s)
    total = checksum(destination, source, protocol, body)
    body = body[:checksum_at] + struct.pack("!H", total or 0xFFFF) + body[checksum_at + 2 :]
    flow.sent_ns = time.monotonic_ns()
    since_received = scaled(flow.sent_ns - received_ns)
    option = struct.pack(
        "!BBBBHHHH", 0x0F, 10, since_received[0], since_sent[0], flow.psn, flow.last_psn, since_received[1], since_sent[1]
    )
    flow.psn = (flow.psn + 1) & 0xFFFF
    options = bytes([protocol, 1]) + option + b"\x01\x00"
    header = struct.pack("!IHBB", 6 << 28, len(options) + len(body), DESTINATION_OPTIONS, 64) + destination + source
    try:
        sender.sendto(header + options + body, (socket.inet_ntop(socket.AF_INET6, source), 0))
    except OSError:
        # No route for a moment: a network loses the packet.
        pass
