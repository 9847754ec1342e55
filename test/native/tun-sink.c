/* A network of one packet's depth: a TUN interface on which every IPv6 packet is answered at once by a Time Exceeded that quotes it
 * whole, from 2001:db8:ffff::<last octets of the destination>. Prints a line when the interface is there; ends with its standard input.
 *   tun-sink <interface> [silent]      silent: reads and answers nothing
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEADER 40
#define ICMP_HEADER 8
#define LONGEST 2048

static uint32_t sum(const uint8_t *octets, size_t length, uint32_t before) {
  for (size_t i = 0; i + 1 < length; i += 2) before += (uint32_t)(octets[i] << 8 | octets[i + 1]);
  if (length % 2 == 1) before += (uint32_t)octets[length - 1] << 8;
  return before;
}

static size_t answer(const uint8_t *packet, size_t length, uint8_t *reply) {
  size_t quoted = length > 1280 - HEADER - ICMP_HEADER ? 1280 - HEADER - ICMP_HEADER : length;
  size_t payload = ICMP_HEADER + quoted;
  memset(reply, 0, HEADER + ICMP_HEADER);
  reply[0] = 0x60;
  reply[4] = (uint8_t)(payload >> 8);
  reply[5] = (uint8_t)payload;
  reply[6] = 58;
  reply[7] = 64;
  memcpy(reply + 8, "\x20\x01\x0d\xb8\xff\xff", 6);
  memcpy(reply + 8 + 14, packet + 24 + 14, 2);
  memcpy(reply + 24, packet + 8, 16);
  reply[HEADER] = 3;
  memcpy(reply + HEADER + ICMP_HEADER, packet, quoted);
  uint32_t total = sum(reply + 8, 32, (uint32_t)payload + 58);
  total = sum(reply + HEADER, payload, total);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  reply[HEADER + 2] = (uint8_t)(~total >> 8);
  reply[HEADER + 3] = (uint8_t)~total;
  return HEADER + payload;
}

int main(int argc, char **argv) {
  struct ifreq request = {0};
  struct pollfd ends[2] = {{.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), .events = POLLIN}, {.fd = 0, .events = 0}};
  int idle = 500;
  int silent = argc > 2 && strcmp(argv[2], "silent") == 0;
  if (argc < 2 || ends[0].fd < 0) {
    fprintf(stderr, "tun-sink: /dev/net/tun: %s\n", strerror(errno));
    return 1;
  }
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(ends[0].fd, TUNSETIFF, &request) != 0) {
    fprintf(stderr, "tun-sink: TUNSETIFF: %s\n", strerror(errno));
    return 1;
  }
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    uint8_t packet[LONGEST];
    uint8_t reply[LONGEST];
    ssize_t length = read(ends[0].fd, packet, sizeof packet);
    if (length >= HEADER && packet[0] >> 4 == 6 && packet[24] != 0xff && !silent) {
      size_t size = answer(packet, (size_t)length, reply);
      while (write(ends[0].fd, reply, size) < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
      }
    }
    if (length > 0) {
      idle = 0;
      continue;
    }
    /* While packets keep coming, looking often is cheaper for the sender than waking us for each. */
    if (idle++ < 500) {
      usleep(100);
      continue;
    }
    if (poll(ends, 2, -1) < 0 && errno != EINTR) return 1;
    if (ends[1].revents & (POLLHUP | POLLERR)) return 0;
  }
}
