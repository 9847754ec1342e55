/* Many targets behind a few routers: a TUN interface on which every IPv6 packet meets the path that its destination's octets say.
 *   tun-network <interface> [uncounted]
 * Octet 15 of a destination is its kind: 1 answers everything, 2 is behind a filter that drops packets with a Destination Options
 * header after hop 5, or after the hop that octet 14 says, 3 never answers, 4 answers everything and is at hop 2; no port is open. Octets 4 and 5 choose the routers: hops 1 to 3 are the same for all, hops 4 and 5 for equal
 * octets 4, hops from 6 on for equal octets 5. The target is at hop 8 plus the two lowest bits of octet 5. Routers answer what is sent to themselves.
 * Prints "ready". A line on standard input ends a period: what it had is printed, one line "<destination> <next header> <packets>" for
 * each destination and protocol, then "end <packets>"; `uncounted` is for more targets than there is room for. Ends with its standard
 * input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEADER 40
#define ICMP_HEADER 8
#define LONGEST 2048
#define SLOTS (1u << 17)
#define FILTER_AFTER 5
#define ROUTERS 0xe0
#define SYN 0x02
#define RST_ACK 0x14
enum { ANSWERS = 1, FILTERED = 2, SILENT = 3, NEAR = 4 };
enum { TCP = 6, UDP = 17, ICMPV6 = 58, DESTINATION_OPTIONS = 60 };

static struct count {
  uint8_t destination[16];
  uint8_t protocol;
  uint32_t packets;
} counts[SLOTS];
static uint64_t total;
static int is_counted = 1;

static void count(const uint8_t *destination, uint8_t protocol) {
  uint32_t hash = protocol;
  for (int i = 0; i < 16; i += 1) hash = (hash ^ destination[i]) * 16777619u;
  for (uint32_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
    struct count *slot = &counts[i];
    if (slot->packets != 0 && (slot->protocol != protocol || memcmp(slot->destination, destination, 16) != 0)) continue;
    memcpy(slot->destination, destination, 16);
    slot->protocol = protocol;
    slot->packets += 1;
    total += 1;
    return;
  }
}

static void print_counts(void) {
  for (uint32_t i = 0; i < SLOTS; i += 1) {
    char text[INET6_ADDRSTRLEN];
    if (counts[i].packets == 0) continue;
    inet_ntop(AF_INET6, counts[i].destination, text, sizeof text);
    printf("%s %u %u\n", text, counts[i].protocol, counts[i].packets);
  }
  printf("end %llu\n", (unsigned long long)total);
  fflush(stdout);
  memset(counts, 0, sizeof counts);
  total = 0;
}

static uint32_t sum(const uint8_t *octets, size_t length, uint32_t before) {
  for (size_t i = 0; i + 1 < length; i += 2) before += (uint32_t)(octets[i] << 8 | octets[i + 1]);
  if (length % 2 == 1) before += (uint32_t)octets[length - 1] << 8;
  return before;
}

static void router(const uint8_t *destination, int hop, uint8_t *address) {
  static const uint8_t prefix[4] = {0x20, 0x01, 0x0d, 0xb8};
  int is_router = destination[4] == ROUTERS;
  memset(address, 0, 16);
  memcpy(address, prefix, 4);
  address[4] = ROUTERS;
  address[15] = (uint8_t)hop;
  if (hop > 3) address[6] = is_router ? destination[6] : destination[4] + 1;
  if (hop > 5) address[7] = is_router ? destination[7] : destination[5] + 1;
}

static int distance_of(const uint8_t *destination) {
  if (destination[4] == ROUTERS) return destination[15];
  return destination[15] == NEAR ? 2 : 8 + (destination[5] & 3);
}

/* `octets` are the ICMPv6 message's, from its type on; its checksum is filled in. */
static size_t emit(uint8_t *reply, const uint8_t *source, const uint8_t *destination, uint8_t protocol, size_t length) {
  size_t checksum = HEADER + (protocol == TCP ? 16 : 2);
  reply[0] = 0x60;
  memset(reply + 1, 0, 3);
  reply[4] = (uint8_t)(length >> 8);
  reply[5] = (uint8_t)length;
  reply[6] = protocol;
  reply[7] = 64;
  memcpy(reply + 8, source, 16);
  memcpy(reply + 24, destination, 16);
  reply[checksum] = reply[checksum + 1] = 0;
  uint32_t sum32 = sum(reply + 8, 32, (uint32_t)length + protocol);
  sum32 = sum(reply + HEADER, length, sum32);
  while (sum32 >> 16) sum32 = (sum32 & 0xffff) + (sum32 >> 16);
  reply[checksum] = (uint8_t)(~sum32 >> 8);
  reply[checksum + 1] = (uint8_t)~sum32;
  return HEADER + length;
}

/* `left`: the hop limit with which the packet arrived. */
static size_t error(const uint8_t *packet, size_t length, const uint8_t *from, uint8_t type, uint8_t code, int left, uint8_t *reply) {
  size_t quoted = length > 1280 - HEADER - ICMP_HEADER ? 1280 - HEADER - ICMP_HEADER : length;
  memset(reply + HEADER, 0, ICMP_HEADER);
  reply[HEADER] = type;
  reply[HEADER + 1] = code;
  memcpy(reply + HEADER + ICMP_HEADER, packet, quoted);
  reply[HEADER + ICMP_HEADER + 7] = (uint8_t)left;
  return emit(reply, from, packet + 8, ICMPV6, ICMP_HEADER + quoted);
}

/* No port is open (RFC 9293 §3.10.7.1). */
static size_t reset(const uint8_t *packet, const uint8_t *segment, uint8_t *reply) {
  static const uint8_t header[20] = {[12] = 5 << 4, [13] = RST_ACK};
  uint8_t *sent = reply + HEADER;
  uint32_t next = ((uint32_t)segment[4] << 24 | (uint32_t)segment[5] << 16 | (uint32_t)segment[6] << 8 | segment[7]) + 1;
  memcpy(sent, header, sizeof header);
  memcpy(sent, segment + 2, 2);
  memcpy(sent + 2, segment, 2);
  for (int i = 0; i < 4; i += 1) sent[8 + i] = (uint8_t)(next >> (24 - 8 * i));
  return emit(reply, packet + 24, packet + 8, TCP, sizeof header);
}

/* 0 where nothing comes back. */
static size_t answer(const uint8_t *packet, size_t length, uint8_t *reply) {
  const uint8_t *destination = packet + 24;
  int hop_limit = packet[7];
  int distance = distance_of(destination);
  uint8_t kind = destination[4] == ROUTERS ? ANSWERS : destination[15];
  int has_options = packet[6] == DESTINATION_OPTIONS;
  size_t upper = HEADER;
  uint8_t protocol = packet[6];
  uint8_t from[16];
  if (has_options) {
    if (length < HEADER + 8) return 0;
    protocol = packet[HEADER];
    upper += 8 * ((size_t)packet[HEADER + 1] + 1);
  }
  if (length < upper + 8) return 0;
  if (is_counted) count(destination, protocol);
  int filter_after = destination[14] == 0 ? FILTER_AFTER : destination[14];
  if (has_options && kind == FILTERED && hop_limit > filter_after) return 0;
  if (hop_limit < distance) {
    router(destination, hop_limit, from);
    return error(packet, length, from, 3, 0, 1, reply);
  }
  if (kind == SILENT) return 0;
  if (protocol == UDP) return error(packet, length, destination, 1, 4, hop_limit - distance + 1, reply);
  if (protocol == TCP) return length < upper + 20 || packet[upper + 13] != SYN ? 0 : reset(packet, packet + upper, reply);
  if (protocol != ICMPV6 || packet[upper] != 128) return 0;
  memcpy(reply + HEADER, packet + upper, length - upper);
  reply[HEADER] = 129;
  return emit(reply, destination, packet + 8, ICMPV6, length - upper);
}

int main(int argc, char **argv) {
  struct ifreq request = {0};
  struct pollfd ends[2] = {{.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  if (argc < 2 || ends[0].fd < 0) {
    fprintf(stderr, "tun-network: /dev/net/tun: %s\n", strerror(errno));
    return 1;
  }
  is_counted = argc < 3 || strcmp(argv[2], "uncounted") != 0;
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(ends[0].fd, TUNSETIFF, &request) != 0) {
    fprintf(stderr, "tun-network: TUNSETIFF: %s\n", strerror(errno));
    return 1;
  }
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    uint8_t packet[LONGEST];
    uint8_t reply[LONGEST + HEADER];
    for (;;) {
      ssize_t length = read(ends[0].fd, packet, sizeof packet);
      if (length <= 0) break;
      if (length < HEADER || packet[0] >> 4 != 6 || packet[24] == 0xff) continue;
      size_t size = answer(packet, (size_t)length, reply);
      while (size > 0 && write(ends[0].fd, reply, size) < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
      }
    }
    if (poll(ends, 2, -1) < 0 && errno != EINTR) return 1;
    if (ends[1].revents & POLLIN) {
      char line[64];
      if (read(0, line, sizeof line) <= 0) return 0;
      print_counts();
    } else if (ends[1].revents & (POLLHUP | POLLERR)) {
      return 0;
    }
  }
}
