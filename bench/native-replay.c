/* Replies made beforehand arrive at a TUN interface, one after the other, as fast as the kernel takes them.
 *   native-replay <interface> <file>      the file: of each packet its length, 16 bits in network byte order, and its octets */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct ifreq request = {0};
  static uint8_t packet[UINT16_MAX];
  uint8_t length[2];
  if (argc != 3) return 64;
  FILE *file = fopen(argv[2], "rb");
  int device = open("/dev/net/tun", O_RDWR);
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (file == NULL || device < 0 || ioctl(device, TUNSETIFF, &request) != 0) {
    fprintf(stderr, "native-replay: %s\n", strerror(errno));
    return 1;
  }
  while (fread(length, sizeof length, 1, file) == 1) {
    size_t octets = (size_t)(length[0] << 8 | length[1]);
    if (fread(packet, 1, octets, file) != octets || write(device, packet, octets) < 0) {
      fprintf(stderr, "native-replay: %s\n", strerror(errno));
      return 1;
    }
  }
  return 0;
}
