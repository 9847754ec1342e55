/* The yardstick of sending: packets made beforehand, sendmmsg in a loop, nothing else.
 *   native-send <source> <destination> <length> <count> <batch>      prints packets per second */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define LARGEST_BATCH 1024
#define LARGEST_PACKET 256

static unsigned char packets[LARGEST_BATCH][LARGEST_PACKET];
static struct mmsghdr messages[LARGEST_BATCH];
static struct iovec parts[LARGEST_BATCH];
static struct sockaddr_in6 destinations[LARGEST_BATCH];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  unsigned length = (unsigned)atoi(argv[3]);
  unsigned batch = (unsigned)atoi(argv[5]);
  long count = atol(argv[4]);
  long sent = 0;
  int size = 4 << 20;
  int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0 || batch > LARGEST_BATCH || length > LARGEST_PACKET) {
    perror("native-send");
    return 1;
  }
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  for (unsigned i = 0; i < batch; i++) {
    unsigned char *packet = packets[i];
    packet[0] = 0x60;
    packet[5] = (unsigned char)(length - 40);
    packet[6] = 59;
    packet[7] = 64;
    inet_pton(AF_INET6, argv[1], packet + 8);
    inet_pton(AF_INET6, argv[2], packet + 24);
    memcpy(packet + 40, &i, sizeof i);
    destinations[i].sin6_family = AF_INET6;
    memcpy(&destinations[i].sin6_addr, packet + 24, 16);
    parts[i].iov_base = packet;
    parts[i].iov_len = length;
    messages[i].msg_hdr.msg_name = &destinations[i];
    messages[i].msg_hdr.msg_namelen = sizeof destinations[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  double start = now();
  while (sent < count) {
    int done = sendmmsg(fd, messages, batch, 0);
    if (done < 0) {
      perror("native-send: sendmmsg");
      return 1;
    }
    sent += done;
  }
  printf("%.0f\n", (double)sent / (now() - start));
  return 0;
}
