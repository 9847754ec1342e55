#include "sender.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <string>

#include "arguments.h"
#include "loop-socket.h"
#include "monotonic-clock.h"
#include "system-error.h"

namespace shim {

namespace {

/** Few enough that interpolating between the times before and after the call tells each packet's time to a microsecond or so. */
constexpr uint32_t kPacketsPerCall = 64;
/** Then the event loop gets a turn. Less than a receiver reads in one: each probe is seen leaving and draws a reply. */
constexpr uint32_t kPacketsPerTurn = 512;
constexpr uint32_t kLargestBatch = 65'536;
constexpr size_t kMostPendingBatches = 4'096;
constexpr uint32_t kSmallestPacket = 40;
constexpr uint32_t kSourceOffset = 8;
constexpr uint32_t kDestinationOffset = 24;
constexpr int kSendBufferBytes = 4 << 20;

/** IPV6_MULTICAST_ALL, which glibc's headers lack. */
constexpr int kMulticastAll = 29;

bool BindToSecretAddress(int fd) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  if (getrandom(&address.sin6_addr, sizeof address.sin6_addr, 0) != sizeof address.sin6_addr) return false;
  address.sin6_addr.s6_addr[0] = 0xfd;
  return bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

int OpenSocket(const std::string& device) {
  const int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) return -1;
  const int on = 1;
  // Without it the kernel turns "queue full, dropped" into success: packets would be lost without a word.
  bool ok = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) == 0;
  // The route lookup is given each packet's own source, so that no source needs to be chosen (a link without addresses has
  // none) and rules by source hold; a source that is not (or not yet) an address of this host is the caller's decision.
  ok = ok && setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) == 0;
  // What routers said of a path's MTU must not make the kernel refuse a packet, or answer it itself: the link's MTU alone counts.
  const int link_mtu = IPV6_PMTUDISC_PROBE;
  ok = ok && setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &link_mtu, sizeof link_mtu) == 0;
  // On kernels before 2026, IPV6_RECVERR also lets ICMPv6 errors of strangers, about packets of protocol 255, fail our next send.
  // They are matched by the address that the socket is bound to: one that nobody can guess. (What leaves has the source of each
  // packet.)
  const int off = 0;
  ok = ok && setsockopt(fd, IPPROTO_IPV6, kMulticastAll, &off, sizeof off) == 0 && BindToSecretAddress(fd);
  // Nothing is ever read here: refuse it rather than let it queue.
  sock_filter reject_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program = {1, reject_all};
  ok = ok && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  if (ok && !device.empty()) {
    ok = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(), static_cast<socklen_t>(device.size())) == 0;
  }
  if (!ok) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  const int size = kSendBufferBytes;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    // Without CAP_NET_ADMIN only up to wmem_max; a small buffer costs speed, not packets.
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  return fd;
}

/** With IPV6_RECVERR, too large packets also leave a note in the error queue, which would keep the socket "ready" for ever. */
void DrainErrors(int fd) {
  char octets[64];
  char control[512];
  for (int i = 0; i < 64; i++) {
    iovec part = {octets, sizeof octets};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
  }
}

struct Control {
  alignas(cmsghdr) unsigned char octets[CMSG_SPACE(sizeof(in6_pktinfo))];
};

/** What one sendmmsg call needs, filled per packet and reused. */
struct CallBuffers {
  mmsghdr messages[kPacketsPerCall];
  iovec parts[kPacketsPerCall];
  sockaddr_in6 destinations[kPacketsPerCall];
  Control controls[kPacketsPerCall];

  void Fill(uint32_t slot, unsigned char* packet, uint32_t length, uint32_t scope) {
    sockaddr_in6& destination = destinations[slot];
    destination = {};
    destination.sin6_family = AF_INET6;
    destination.sin6_scope_id = scope;
    memcpy(&destination.sin6_addr, packet + kDestinationOffset, sizeof destination.sin6_addr);
    parts[slot] = {packet, length};
    msghdr& header = messages[slot].msg_hdr;
    header = {};
    header.msg_name = &destination;
    header.msg_namelen = sizeof destination;
    header.msg_iov = &parts[slot];
    header.msg_iovlen = 1;
    in6_pktinfo info{};
    memcpy(&info.ipi6_addr, packet + kSourceOffset, sizeof info.ipi6_addr);
    info.ipi6_ifindex = scope;
    // The kernel takes a link-local source only together with its link.
    if (scope == 0 && IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) return;
    header.msg_control = controls[slot].octets;
    // Without the padding behind it, it fits into the kernel's own stack buffer; with it, the kernel allocates memory per packet.
    header.msg_controllen = CMSG_LEN(sizeof info);
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = IPPROTO_IPV6;
    control->cmsg_type = IPV6_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(control), &info, sizeof info);
  }
};

/** The arrays of one batch, looked up anew each time: JavaScript may have moved them meanwhile. */
struct BatchViews {
  View<uint8_t> arena;
  View<uint32_t> offsets;
  View<uint32_t> lengths;
  View<uint32_t> scopes;
  View<int32_t> errors;
  View<double> times;
  bool has_scopes = false;

  bool Read(napi_env env, napi_value arrays) {
    napi_value items[6];
    for (uint32_t i = 0; i < 6; i++) {
      if (napi_get_element(env, arrays, i, &items[i]) != napi_ok) return false;
    }
    return Read(env, items);
  }

  bool Read(napi_env env, const napi_value* items) {
    napi_valuetype type = napi_undefined;
    if (napi_typeof(env, items[3], &type) != napi_ok) return false;
    has_scopes = type != napi_null && type != napi_undefined;
    return ReadView(env, items[0], &arena) && ReadView(env, items[1], &offsets) && ReadView(env, items[2], &lengths) &&
           (!has_scopes || ReadView(env, items[3], &scopes)) && ReadView(env, items[4], &errors) && ReadView(env, items[5], &times);
  }

  bool Cover(uint32_t count) const {
    return offsets.length >= count && lengths.length >= count && errors.length >= count && times.length >= count &&
           (!has_scopes || scopes.length >= count);
  }

  /** The packet's octets, or null when they are not in the arena or cannot be an IPv6 packet. */
  unsigned char* Packet(uint32_t index, uint32_t* length) const {
    const uint64_t offset = offsets.data[index];
    *length = lengths.data[index];
    if (*length < kSmallestPacket || offset + *length > arena.length) return nullptr;
    unsigned char* packet = arena.data + offset;
    return packet[0] >> 4 == 6 ? packet : nullptr;
  }

  void Settle(uint32_t index, int error, int64_t at_ns) {
    errors.data[index] = error;
    times.data[index] = SinceLoadNs(at_ns);
  }
};

struct Batch {
  napi_ref arrays = nullptr;
  napi_deferred deferred = nullptr;
  uint32_t count = 0;
  uint32_t next = 0;
};

enum class Progress { kDone, kTurnOver, kMustWait };

}  // namespace

class SenderCore : public LoopSocket, public std::enable_shared_from_this<SenderCore> {
 public:
  SenderCore(napi_env env, int64_t patience_ms) : env_(env), patience_ns_(patience_ms * 1'000'000) {}

  int Open(int fd, napi_value self) {
    loop_share_ = shared_from_this();
    const int error = Start(env_, fd);
    if (error != 0) {
      LoopSocket::Close();
      return error;
    }
    if (napi_create_reference(env_, self, 1, &pin_) != napi_ok) pin_ = nullptr;
    napi_value name = nullptr;
    if (napi_create_string_utf8(env_, "pdm-native-shim:send", NAPI_AUTO_LENGTH, &name) == napi_ok) {
      napi_async_init(env_, nullptr, name, &context_);
    }
    return 0;
  }

  bool IsOpen() const { return LoopSocket::IsOpen(); }
  bool HasRoom() const { return batches_.size() < kMostPendingBatches; }

  /**
   * Sends what goes at once. True when that was all; else the batch must be queued. Somebody who sends again as soon as a promise
   * resolves must not keep the loop from turning: after so many packets the next batch waits for its turn.
   */
  bool TrySend(BatchViews* views, Batch* batch) {
    if (!batches_.empty() || sent_this_turn_ >= kPacketsPerTurn) return false;
    sent_this_turn_ += batch->count;
    return Advance(views, batch, kPacketsPerTurn) == Progress::kDone;
  }

  void Queue(const Batch& batch) {
    batches_.push_back(batch);
    // A batch that is cut by the end of a turn goes on when the socket says it is writable, which it is.
    if (batches_.size() == 1 && !waiting_) Wait();
  }

  /** Packets not sent yet get `error`. May run JavaScript only when `may_settle`. */
  void Cancel(int error, bool may_settle) {
    while (!batches_.empty()) {
      Batch batch = batches_.front();
      batches_.pop_front();
      if (may_settle) FinishWith(&batch, error);
      ForgetBatch(&batch, may_settle);
    }
  }

  void CloseFromScript() {
    Cancel(ECANCELED, true);
    LoopSocket::Close();
  }

 private:
  void OnReady(int error) override {
    if (error != 0) {
      RunInScope([&] { Cancel(error, true); });
      return;
    }
    if (out_of_buffers_) return;  // the timer decides
    Resume();
  }

  void OnTimer() override { Resume(); }

  void OnAbandoned() override { Cancel(ECANCELED, false); }

  void OnClosed() override {
    if (pin_ != nullptr) napi_delete_reference(env_, pin_);
    pin_ = nullptr;
    if (context_ != nullptr) napi_async_destroy(env_, context_);
    context_ = nullptr;
    // May delete this: last.
    const std::shared_ptr<SenderCore> last = std::move(loop_share_);
  }

  template <typename Body>
  void RunInScope(Body body) {
    napi_handle_scope handles = nullptr;
    if (napi_open_handle_scope(env_, &handles) != napi_ok) return;
    napi_value resource = nullptr;
    napi_create_object(env_, &resource);
    napi_callback_scope scope = nullptr;
    const bool scoped = context_ != nullptr && napi_open_callback_scope(env_, resource, context_, &scope) == napi_ok;
    body();
    // Promise reactions run here.
    if (scoped) napi_close_callback_scope(env_, scope);
    napi_close_handle_scope(env_, handles);
  }

  void Resume() {
    const std::shared_ptr<SenderCore> keep = shared_from_this();
    RunInScope([&] {
      uint32_t budget = kPacketsPerTurn;
      while (!batches_.empty() && LoopSocket::IsOpen()) {
        Batch& batch = batches_.front();
        napi_value arrays = nullptr;
        BatchViews views;
        const bool readable = napi_get_reference_value(env_, batch.arrays, &arrays) == napi_ok && arrays != nullptr &&
                              views.Read(env_, arrays) && views.Cover(batch.count);
        if (readable) {
          const uint32_t before = batch.next;
          const Progress progress = Advance(&views, &batch, budget);
          budget -= std::min(budget, batch.next - before);
          if (progress != Progress::kDone) break;
        }
        Batch done = batch;
        batches_.pop_front();
        // Arrays that were transferred away while we waited cannot take the outcomes: the promise says so.
        ForgetBatch(&done, true, !readable);
      }
      // Before promise reactions run, which may want to send more.
      sent_this_turn_ = kPacketsPerTurn - budget;
    });
    if (!LoopSocket::IsOpen()) return;
    if (batches_.empty()) {
      StopWaiting();
    } else {
      Wait();
    }
  }

  Progress Advance(BatchViews* views, Batch* batch, uint32_t budget) {
    const uint32_t stop = batch->count - batch->next > budget ? batch->next + budget : batch->count;
    while (batch->next < stop) {
      const uint32_t first = batch->next;
      uint32_t filled = 0;
      while (filled < kPacketsPerCall && first + filled < stop) {
        const uint32_t index = first + filled;
        uint32_t length = 0;
        unsigned char* packet = views->Packet(index, &length);
        if (packet == nullptr) break;
        buffers_.Fill(filled, packet, length, views->has_scopes ? views->scopes.data[index] : 0);
        filled++;
      }
      if (filled == 0) {
        views->Settle(first, EINVAL, MonotonicNs());
        batch->next++;
        continue;
      }
      const int64_t before = MonotonicNs();
      const int sent = sendmmsg(Descriptor(), buffers_.messages, filled, MSG_DONTWAIT);
      const int error = sent < 0 ? errno : 0;
      if (sent > 0) {
        const int64_t each = (MonotonicNs() - before) / sent;
        for (int i = 0; i < sent; i++) views->Settle(first + i, 0, before + each * i);
        batch->next += static_cast<uint32_t>(sent);
        stalled_since_ns_ = 0;
        continue;
      }
      if (error == EINTR) continue;
      if (IsShortage(error)) {
        if (stalled_since_ns_ == 0) stalled_since_ns_ = before;
        if (before - stalled_since_ns_ < patience_ns_) {
          out_of_buffers_ = error != EAGAIN;
          return Progress::kMustWait;
        }
        stalled_since_ns_ = 0;
      }
      if (error == EMSGSIZE) DrainErrors(Descriptor());
      views->Settle(first, error == 0 ? EIO : error, before);
      batch->next++;
    }
    out_of_buffers_ = false;
    return batch->next == batch->count ? Progress::kDone : Progress::kTurnOver;
  }

  static bool IsShortage(int error) { return error == EAGAIN || error == ENOBUFS || error == ENOMEM; }

  /** A full socket buffer says when it has room. A full interface queue does not: the timer tries again. */
  void Wait() {
    waiting_ = true;
    int error = 0;
    if (out_of_buffers_) {
      error = Watch(0);
      StartTimer(1);
    } else {
      error = Watch(UV_WRITABLE);
      if (stalled_since_ns_ != 0) StartTimer(100);
    }
    if (error != 0) RunInScope([&] { Cancel(error, true); });
  }

  void StopWaiting() {
    waiting_ = false;
    (void)Watch(0);
    StopTimer();
  }

  void FinishWith(Batch* batch, int error) {
    napi_value arrays = nullptr;
    BatchViews views;
    if (napi_get_reference_value(env_, batch->arrays, &arrays) != napi_ok || arrays == nullptr) return;
    if (!views.Read(env_, arrays) || !views.Cover(batch->count)) return;
    const int64_t now = MonotonicNs();
    for (; batch->next < batch->count; batch->next++) views.Settle(batch->next, error, now);
  }

  void ForgetBatch(Batch* batch, bool may_settle, bool detached = false) {
    if (batch->arrays != nullptr) napi_delete_reference(env_, batch->arrays);
    batch->arrays = nullptr;
    if (!may_settle || batch->deferred == nullptr) return;
    if (detached) {
      Napi::HandleScope scope(env_);
      const Napi::Error error = SystemError(env_, "sendmmsg", EFAULT, "the arrays were taken away while sending");
      napi_reject_deferred(env_, batch->deferred, error.Value());
    } else {
      napi_value nothing = nullptr;
      napi_get_undefined(env_, &nothing);
      napi_resolve_deferred(env_, batch->deferred, nothing);
    }
    batch->deferred = nullptr;
  }

  napi_env env_;
  int64_t patience_ns_;
  napi_ref pin_ = nullptr;
  napi_async_context context_ = nullptr;
  std::shared_ptr<SenderCore> loop_share_;
  std::deque<Batch> batches_;
  bool waiting_ = false;
  /** Sent from within `send` since the loop last called. */
  uint32_t sent_this_turn_ = 0;
  bool out_of_buffers_ = false;
  int64_t stalled_since_ns_ = 0;
  CallBuffers buffers_{};
};

Napi::Function Sender::Define(Napi::Env env) {
  return DefineClass(env, "Sender", {InstanceMethod<&Sender::Send>("send"), InstanceMethod<&Sender::Close>("close")});
}

Sender::Sender(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Sender>(info) { Open(info); }

void Sender::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string device;
  int64_t patience_ms = 5'000;
  if (info.Length() > 0 && !info[0].IsUndefined()) {
    if (!info[0].IsObject()) return ThrowArgumentType(env, "options", "an object");
    const auto options = info[0].As<Napi::Object>();
    if (!ReadText(options, "device", IFNAMSIZ - 1, &device)) return;
    if (!ReadInteger(options, "patienceMs", 0, 3'600'000, &patience_ms)) return;
  }
  const int fd = OpenSocket(device);
  if (fd < 0) return ThrowSystemError(env, "socket", errno, "raw IPv6 sending needs CAP_NET_RAW");
  core_ = std::make_shared<SenderCore>(env, patience_ms);
  const int error = core_->Open(fd, info.This());
  if (error != 0) ThrowSystemError(env, "uv_poll_init", error);
}

Napi::Value Sender::Send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  napi_value items[6];
  for (size_t i = 0; i < 6; i++) items[i] = info[i];
  BatchViews views;
  if (!views.Read(env, items)) {
    ThrowArgumentType(env, "the arguments",
                      "arena Uint8Array, offsets Uint32Array, lengths Uint32Array, scopes Uint32Array or null, errors Int32Array, "
                      "times Float64Array");
    return env.Undefined();
  }
  const size_t count = views.offsets.length;
  if (count > kLargestBatch || !views.Cover(static_cast<uint32_t>(count))) {
    ThrowOutOfRange(env, "the batch", "at most 65536 packets, every array at least as long as offsets");
    return env.Undefined();
  }
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return env.Undefined();
  Batch batch;
  batch.count = static_cast<uint32_t>(count);
  batch.deferred = deferred;
  int refusal = 0;
  if (core_ == nullptr || !core_->IsOpen()) {
    refusal = EBADF;
  } else if (!core_->HasRoom()) {
    refusal = ENOBUFS;
  } else if (core_->TrySend(&views, &batch)) {
    napi_resolve_deferred(env, deferred, env.Undefined());
  } else {
    napi_value arrays = nullptr;
    const bool kept = napi_create_array_with_length(env, 6, &arrays) == napi_ok;
    for (uint32_t i = 0; kept && i < 6; i++) napi_set_element(env, arrays, i, items[i]);
    if (kept && napi_create_reference(env, arrays, 1, &batch.arrays) == napi_ok) {
      core_->Queue(batch);
    } else {
      refusal = ENOMEM;
    }
  }
  if (refusal != 0) napi_reject_deferred(env, deferred, SystemError(env, "sendmmsg", refusal).Value());
  return Napi::Value(env, promise);
}

Napi::Value Sender::Close(const Napi::CallbackInfo& info) {
  if (core_ != nullptr && core_->IsOpen()) core_->CloseFromScript();
  return info.Env().Undefined();
}

}  // namespace shim
