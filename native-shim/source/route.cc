#include "route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "arguments.h"
#include "system-error.h"

namespace shim {

namespace {

constexpr size_t kAddressBytes = sizeof(in6_addr);

struct Query {
  in6_addr destination{};
  in6_addr source{};
  bool has_source = false;
  uint32_t interface_index = 0;
};

struct Answer {
  in6_addr source{};
  bool has_source = false;
  uint32_t interface_index = 0;
  uint32_t mtu = 0;
  char interface_name[IF_NAMESIZE] = {};
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int Get() const { return fd_; }

 private:
  int fd_;
};

struct Request {
  nlmsghdr header;
  rtmsg route;
  char attributes[128];

  void Add(unsigned short type, const void* data, size_t length) {
    auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(this) + NLMSG_ALIGN(header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(length));
    memcpy(RTA_DATA(attribute), data, length);
    header.nlmsg_len = NLMSG_ALIGN(header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  }
};

/** What a packet to such a route would meet. */
int ErrorOfRouteType(unsigned char type) {
  switch (type) {
    case RTN_UNREACHABLE:
      return EHOSTUNREACH;
    case RTN_PROHIBIT:
      return EACCES;
    case RTN_BLACKHOLE:
      return EINVAL;
    case RTN_THROW:
      return ENETUNREACH;
    default:
      return 0;
  }
}

void ReadMetrics(rtattr* metrics, Answer* answer) {
  auto* metric = static_cast<rtattr*>(RTA_DATA(metrics));
  auto left = static_cast<unsigned>(RTA_PAYLOAD(metrics));
  for (; RTA_OK(metric, left); metric = RTA_NEXT(metric, left)) {
    if (metric->rta_type == RTAX_MTU && RTA_PAYLOAD(metric) >= sizeof answer->mtu) {
      memcpy(&answer->mtu, RTA_DATA(metric), sizeof answer->mtu);
    }
  }
}

int ReadRoute(nlmsghdr* header, Answer* answer) {
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) return EBADMSG;
  auto* route = static_cast<rtmsg*>(NLMSG_DATA(header));
  const int refused = ErrorOfRouteType(route->rtm_type);
  if (refused != 0) return refused;
  rtattr* attribute = RTM_RTA(route);
  auto left = static_cast<unsigned>(RTM_PAYLOAD(header));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == RTA_OIF && RTA_PAYLOAD(attribute) >= sizeof answer->interface_index) {
      memcpy(&answer->interface_index, RTA_DATA(attribute), sizeof answer->interface_index);
    } else if (attribute->rta_type == RTA_PREFSRC && RTA_PAYLOAD(attribute) >= kAddressBytes) {
      memcpy(&answer->source, RTA_DATA(attribute), kAddressBytes);
      answer->has_source = true;
    } else if (attribute->rta_type == RTA_METRICS) {
      ReadMetrics(attribute, answer);
    }
  }
  return 0;
}

int Ask(int fd, const Query& query, Answer* answer) {
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.route.rtm_family = AF_INET6;
  request.route.rtm_dst_len = kAddressBytes * 8;
  request.Add(RTA_DST, &query.destination, kAddressBytes);
  if (query.has_source) {
    request.route.rtm_src_len = kAddressBytes * 8;
    request.Add(RTA_SRC, &query.source, kAddressBytes);
  }
  if (query.interface_index != 0) request.Add(RTA_OIF, &query.interface_index, sizeof query.interface_index);
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) return errno;
  alignas(nlmsghdr) char octets[8192];
  ssize_t received = 0;
  do {
    received = recv(fd, octets, sizeof octets, 0);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  auto* header = reinterpret_cast<nlmsghdr*>(octets);
  if (!NLMSG_OK(header, static_cast<size_t>(received))) return EBADMSG;
  if (header->nlmsg_type == NLMSG_ERROR) {
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return EBADMSG;
    const int error = -static_cast<nlmsgerr*>(NLMSG_DATA(header))->error;
    return error > 0 ? error : EBADMSG;
  }
  if (header->nlmsg_type != RTM_NEWROUTE) return EBADMSG;
  return ReadRoute(header, answer);
}

/** The name, and the link's MTU where the route has none of its own. */
int DescribeInterface(Answer* answer) {
  if (if_indextoname(answer->interface_index, answer->interface_name) == nullptr) return errno;
  if (answer->mtu != 0) return 0;
  const Descriptor plain(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (plain.Get() < 0) return errno;
  ifreq request{};
  memcpy(request.ifr_name, answer->interface_name, IF_NAMESIZE);
  if (ioctl(plain.Get(), SIOCGIFMTU, &request) != 0) return errno;
  answer->mtu = static_cast<uint32_t>(request.ifr_mtu);
  return 0;
}

bool ReadAddress(Napi::Env env, const char* name, napi_value value, in6_addr* address) {
  View<uint8_t> octets;
  if (!ReadView(env, value, &octets) || octets.length != kAddressBytes) {
    ThrowArgumentType(env, name, "a Uint8Array of 16 octets");
    return false;
  }
  memcpy(address, octets.data, kAddressBytes);
  return true;
}

}  // namespace

Napi::Value Route(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Query query;
  if (!ReadAddress(env, "destination", info[0], &query.destination)) return env.Undefined();
  if (!info[1].IsNull() && !info[1].IsUndefined()) {
    if (!ReadAddress(env, "source", info[1], &query.source)) return env.Undefined();
    query.has_source = true;
  }
  if (!info[2].IsNull() && !info[2].IsUndefined()) {
    std::string name;
    Napi::Object holder = Napi::Object::New(env);
    holder.Set("interface", info[2]);
    if (!ReadText(holder, "interface", IF_NAMESIZE - 1, &name)) return env.Undefined();
    query.interface_index = if_nametoindex(name.c_str());
    if (query.interface_index == 0) {
      ThrowSystemError(env, "if_nametoindex", errno, name.c_str());
      return env.Undefined();
    }
  }
  const Descriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (netlink.Get() < 0) {
    ThrowSystemError(env, "socket", errno);
    return env.Undefined();
  }
  // The kernel answers within the send; should it ever not, an error is better than a program that hangs.
  const timeval patience = {1, 0};
  (void)setsockopt(netlink.Get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  Answer answer;
  int error = Ask(netlink.Get(), query, &answer);
  if (error == 0) error = DescribeInterface(&answer);
  if (error != 0) {
    ThrowSystemError(env, "rtm_getroute", error);
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  if (answer.has_source) {
    Napi::Uint8Array source = Napi::Uint8Array::New(env, kAddressBytes);
    memcpy(source.Data(), &answer.source, kAddressBytes);
    result.Set("source", source);
  } else {
    result.Set("source", env.Null());
  }
  result.Set("interface", Napi::String::New(env, answer.interface_name));
  result.Set("interfaceIndex", Napi::Number::New(env, answer.interface_index));
  result.Set("mtu", Napi::Number::New(env, answer.mtu));
  return result;
}

}  // namespace shim
