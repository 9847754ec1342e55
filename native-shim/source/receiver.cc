#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "arguments.h"
#include "loop-socket.h"
#include "monotonic-clock.h"
#include "system-error.h"

namespace shim {

namespace {

/** Packets handed to JavaScript in one call. */
constexpr uint32_t kMostPackets = 1024;
/** Calls per turn of the loop, so that timers and sending get theirs. */
constexpr int kMostBatches = 4;
/** Packets start at multiples of this; most replies fit into one slot, so that a view of a slot can be used again. */
constexpr uint32_t kSlotBytes = 256;
/** Room for a batch of small packets, or a few of the largest. */
constexpr uint32_t kSlabBytes = kMostPackets * kSlotBytes;
/** Small, so that a ring of many blocks, each closed by its timer with little in it, still holds half a second. */
constexpr uint32_t kBlockBytes = 32'768;
constexpr uint32_t kFrameBytes = 2'048;
constexpr int64_t kSmallestRing = int64_t{2} * kBlockBytes;
constexpr int64_t kLargestRing = 1 << 30;
constexpr size_t kLongestFilter = 4'096;
constexpr size_t kWordsPerInstruction = 4;

enum PacketFlag : uint32_t { kOutgoing = 1, kChecksumPending = 2, kTruncated = 4 };
constexpr uint32_t kPacketTypeShift = 8;

struct RingOptions {
  uint32_t ether_type = 0;
  int64_t ring_bytes = 16 << 20;
  int64_t block_timeout_ms = 1;
};

struct Ring {
  unsigned char* memory = nullptr;
  size_t bytes = 0;
  uint32_t blocks = 0;
};

/** 0, or an errno with the name of the call that failed. */
struct Failure {
  int error = 0;
  const char* call = "";
};

struct Filter {
  std::unique_ptr<sock_filter[]> instructions;
  sock_fprog program{};

  /** False when something was thrown. */
  bool Read(Napi::Env env, napi_value value) {
    View<uint32_t> words;
    if (!ReadView(env, value, &words)) {
      ThrowArgumentType(env, "filter", "a Uint32Array");
      return false;
    }
    const size_t count = words.length / kWordsPerInstruction;
    if (count == 0 || count > kLongestFilter || words.length % kWordsPerInstruction != 0) {
      ThrowOutOfRange(env, "filter", "1 to 4096 instructions of four words");
      return false;
    }
    instructions.reset(new (std::nothrow) sock_filter[count]);
    if (instructions == nullptr) {
      ThrowSystemError(env, "malloc", ENOMEM);
      return false;
    }
    for (size_t i = 0; i < count; i++) {
      const uint32_t* word = words.data + i * kWordsPerInstruction;
      if (word[0] > UINT16_MAX || word[1] > UINT8_MAX || word[2] > UINT8_MAX) {
        ThrowOutOfRange(env, "filter", "made of code ≤ 65535, jt ≤ 255, jf ≤ 255 and k");
        return false;
      }
      instructions[i] = {static_cast<uint16_t>(word[0]), static_cast<uint8_t>(word[1]), static_cast<uint8_t>(word[2]), word[3]};
    }
    program = {static_cast<unsigned short>(count), instructions.get()};
    return true;
  }

  Failure Attach(int fd) const {
    // The kernel swaps filters atomically: every packet meets the old one or the new one.
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) return {errno, "setsockopt(SO_ATTACH_FILTER)"};
    return {};
  }
};

/** Contiguous blocks of kernel memory are not always to be had: half the ring is better than none. */
Failure MapRing(int fd, const RingOptions& options, Ring* ring) {
  for (int64_t bytes = options.ring_bytes; bytes >= kSmallestRing; bytes /= 2) {
    tpacket_req3 request{};
    request.tp_block_size = kBlockBytes;
    request.tp_block_nr = static_cast<unsigned>(bytes / kBlockBytes);
    request.tp_frame_size = kFrameBytes;
    request.tp_frame_nr = request.tp_block_nr * (kBlockBytes / kFrameBytes);
    request.tp_retire_blk_tov = static_cast<unsigned>(options.block_timeout_ms);
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0) {
      if (errno == ENOMEM && bytes / 2 >= kSmallestRing) continue;
      return {errno, "setsockopt(PACKET_RX_RING)"};
    }
    ring->blocks = request.tp_block_nr;
    ring->bytes = static_cast<size_t>(request.tp_block_nr) * kBlockBytes;
    void* memory = mmap(nullptr, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return {errno, "mmap"};
    ring->memory = static_cast<unsigned char*>(memory);
    return {};
  }
  return {ENOMEM, "setsockopt(PACKET_RX_RING)"};
}

/** The order matters: the filter before anything can arrive, the ring before the protocol is bound. */
Failure OpenRing(const RingOptions& options, const Filter& filter, int* descriptor, Ring* ring) {
  const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  *descriptor = fd;
  if (fd < 0) return {errno, "socket"};
  const Failure attached = filter.Attach(fd);
  if (attached.error != 0) return attached;
  const int version = TPACKET_V3;
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) return {errno, "setsockopt(PACKET_VERSION)"};
  // Turns on time stamping where packets enter the kernel, rather than where they reach this socket.
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return {errno, "setsockopt(SO_TIMESTAMPNS)"};
  const Failure mapped = MapRing(fd, options, ring);
  if (mapped.error != 0) return mapped;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(static_cast<uint16_t>(options.ether_type));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {errno, "bind"};
  return {};
}

/** A packet in the ring. */
struct Seen {
  const unsigned char* octets;
  uint32_t length;
  uint32_t original_length;
  uint32_t status;
  uint32_t interface_index;
  uint8_t packet_type;
  int64_t realtime_ns;
};

/**
 * Where links are stacked (a bridge and its port, a VLAN, a bond) one packet is seen on each. An arriving one keeps its time, a
 * leaving one is stamped again: the same octets on another interface, at the same time or within this, are the same packet.
 */
constexpr int64_t kStackTransitNs = 1'000'000;

class RecentPackets {
 public:
  bool Repeats(const Seen& seen) {
    const bool outgoing = seen.packet_type == PACKET_OUTGOING;
    const uint32_t kept = std::min<uint32_t>(seen.length, kCompared);
    for (const Entry& entry : entries_) {
      if (entry.interface_index == seen.interface_index || entry.interface_index == 0) continue;
      if (entry.outgoing != outgoing || entry.length != seen.length) continue;
      const int64_t apart = seen.realtime_ns - entry.realtime_ns;
      if (outgoing ? apart < 0 || apart > kStackTransitNs : apart != 0) continue;
      if (memcmp(entry.octets, seen.octets, kept) == 0) return true;
    }
    Entry& entry = entries_[next_];
    next_ = (next_ + 1) % entries_.size();
    entry.interface_index = seen.interface_index;
    entry.outgoing = outgoing;
    entry.length = seen.length;
    entry.realtime_ns = seen.realtime_ns;
    memcpy(entry.octets, seen.octets, kept);
    return false;
  }

 private:
  static constexpr uint32_t kCompared = 128;
  struct Entry {
    uint32_t interface_index = 0;
    bool outgoing = false;
    uint32_t length = 0;
    int64_t realtime_ns = 0;
    unsigned char octets[kCompared] = {};
  };
  std::array<Entry, 8> entries_{};
  size_t next_ = 0;
};

/** The one ArrayBuffer that JavaScript reads batches from: arrays of numbers, then the octets. */
struct Slab {
  static constexpr size_t kTimesAt = 0;
  static constexpr size_t kOffsetsAt = kTimesAt + kMostPackets * sizeof(double);
  static constexpr size_t kLengthsAt = kOffsetsAt + kMostPackets * sizeof(uint32_t);
  static constexpr size_t kFlagsAt = kLengthsAt + kMostPackets * sizeof(uint32_t);
  static constexpr size_t kInterfacesAt = kFlagsAt + kMostPackets * sizeof(uint32_t);
  static constexpr size_t kOctetsAt = kInterfacesAt + kMostPackets * sizeof(uint32_t);
  static constexpr size_t kBytes = kOctetsAt + kSlabBytes;

  unsigned char* memory = nullptr;
  uint32_t count = 0;
  uint32_t used = 0;

  template <typename T>
  void Put(size_t at, T value) {
    memcpy(memory + at + count * sizeof(T), &value, sizeof(T));
  }

  bool Fits(uint32_t length) const { return count < kMostPackets && length <= kSlabBytes - used; }

  void Add(const Seen& seen, double time_ns) {
    uint32_t flags = static_cast<uint32_t>(seen.packet_type) << kPacketTypeShift;
    if (seen.packet_type == PACKET_OUTGOING) flags |= kOutgoing;
    if ((seen.status & TP_STATUS_CSUMNOTREADY) != 0) flags |= kChecksumPending;
    if (seen.length < seen.original_length) flags |= kTruncated;
    Put(kTimesAt, time_ns);
    Put(kOffsetsAt, used);
    Put(kLengthsAt, seen.length);
    Put(kFlagsAt, flags);
    Put(kInterfacesAt, seen.interface_index);
    memcpy(memory + kOctetsAt + used, seen.octets, seen.length);
    used = std::min(kSlabBytes, (used + seen.length + kSlotBytes - 1) / kSlotBytes * kSlotBytes);
    count++;
  }
};

}  // namespace

class ReceiverCore : public LoopSocket, public std::enable_shared_from_this<ReceiverCore> {
 public:
  ReceiverCore(napi_env env, const Ring& ring) : env_(env), ring_(ring) {}
  ~ReceiverCore() override { Unmap(); }
  ReceiverCore(const ReceiverCore&) = delete;
  ReceiverCore& operator=(const ReceiverCore&) = delete;

  int Open(int fd, Napi::Object self, napi_value slab, napi_value on_batch, napi_value on_error) {
    loop_share_ = shared_from_this();
    int error = Start(env_, fd);
    const bool kept = napi_create_reference(env_, self, 1, &pin_) == napi_ok &&
                      napi_create_reference(env_, slab, 1, &slab_) == napi_ok &&
                      napi_create_reference(env_, on_batch, 1, &on_batch_) == napi_ok &&
                      napi_create_reference(env_, on_error, 1, &on_error_) == napi_ok;
    napi_value name = nullptr;
    if (!kept || napi_create_string_utf8(env_, "pdm-native-shim:receive", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_async_init(env_, nullptr, name, &context_) != napi_ok) {
      error = error == 0 ? ENOMEM : error;
    }
    if (error == 0) error = Watch(UV_READABLE);
    if (error != 0) Close();
    return error;
  }

  using LoopSocket::Close;
  using LoopSocket::Descriptor;
  using LoopSocket::IsOpen;

  size_t RingBytes() const { return ring_.bytes; }
  uint32_t ClockSteps() const { return mapping_.Steps(); }
  uint64_t Received() const { return received_; }
  uint64_t Dropped() const { return dropped_; }
  uint64_t Delivered() const { return delivered_; }

  /** The kernel's counters start again at every reading, so they are added up here. */
  void ReadCounters() {
    if (!IsOpen()) return;
    tpacket_stats_v3 counters{};
    socklen_t size = sizeof counters;
    if (getsockopt(Descriptor(), SOL_PACKET, PACKET_STATISTICS, &counters, &size) != 0) return;
    received_ += counters.tp_packets;
    dropped_ += counters.tp_drops;
  }

 private:
  void OnReady(int error) override {
    const std::shared_ptr<ReceiverCore> keep = shared_from_this();
    napi_handle_scope handles = nullptr;
    if (napi_open_handle_scope(env_, &handles) != napi_ok) return;
    if (error != 0) {
      Fail("recv", error);
    } else {
      for (int batch = 0; batch < kMostBatches && IsOpen() && Deliver(); batch++) {
      }
    }
    napi_close_handle_scope(env_, handles);
  }

  void OnTimer() override {}
  void OnAbandoned() override {}

  void OnClosed() override {
    for (napi_ref* reference : {&pin_, &slab_, &on_batch_, &on_error_}) {
      if (*reference != nullptr) napi_delete_reference(env_, *reference);
      *reference = nullptr;
    }
    if (context_ != nullptr) napi_async_destroy(env_, context_);
    context_ = nullptr;
    Unmap();
    // May delete this: last.
    const std::shared_ptr<ReceiverCore> last = std::move(loop_share_);
  }

  void Unmap() {
    if (ring_.memory != nullptr) munmap(ring_.memory, ring_.bytes);
    ring_.memory = nullptr;
  }

  void Call(napi_ref function, size_t count, const napi_value* arguments) {
    napi_value callee = nullptr;
    napi_value receiver = nullptr;
    napi_value result = nullptr;
    if (napi_get_reference_value(env_, function, &callee) != napi_ok || callee == nullptr) return;
    if (napi_get_global(env_, &receiver) != napi_ok) return;
    const napi_status status = napi_make_callback(env_, context_, receiver, callee, count, arguments, &result);
    if (status != napi_pending_exception) return;
    napi_value exception = nullptr;
    if (napi_get_and_clear_last_exception(env_, &exception) == napi_ok) napi_fatal_exception(env_, exception);
  }

  void Fail(const char* call, int error) {
    Close();
    // Close() keeps the references until the loop has closed the handles.
    napi_value arguments[] = {SystemError(env_, call, error).Value()};
    Call(on_error_, 1, arguments);
  }

  /** True when there may be more. */
  bool Deliver() {
    napi_value buffer = nullptr;
    void* memory = nullptr;
    size_t bytes = 0;
    if (napi_get_reference_value(env_, slab_, &buffer) != napi_ok || buffer == nullptr ||
        napi_get_arraybuffer_info(env_, buffer, &memory, &bytes) != napi_ok || memory == nullptr || bytes < Slab::kBytes) {
      // The listener transferred the memory away.
      Fail("recv", EFAULT);
      return false;
    }
    Slab slab;
    slab.memory = static_cast<unsigned char*>(memory);
    mapping_.Refresh();
    while (FillFromBlock(&slab)) {
    }
    if (slab.count == 0) return false;
    delivered_ += slab.count;
    napi_value argument = nullptr;
    if (napi_create_uint32(env_, slab.count, &argument) != napi_ok) return false;
    Call(on_batch_, 1, &argument);
    return slab.count == kMostPackets;
  }

  tpacket_block_desc* Block() const {
    return reinterpret_cast<tpacket_block_desc*>(ring_.memory + static_cast<size_t>(block_) * kBlockBytes);
  }

  /** True when a block was used up and the next one may be looked at. */
  bool FillFromBlock(Slab* slab) {
    tpacket_block_desc* block = Block();
    tpacket_hdr_v1& header = block->hdr.bh1;
    if ((__atomic_load_n(&header.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return false;
    if (!inside_block_) {
      inside_block_ = true;
      packets_left_ = header.num_pkts;
      position_ = header.offset_to_first_pkt;
    }
    for (; packets_left_ > 0; packets_left_--) {
      Seen seen{};
      uint32_t next = 0;
      if (!Locate(reinterpret_cast<unsigned char*>(block), &seen, &next)) break;
      if (!slab->Fits(seen.length)) return false;
      if (!recent_.Repeats(seen)) slab->Add(seen, SinceLoadNs(mapping_.Map(seen.realtime_ns)));
      position_ += next;
    }
    inside_block_ = false;
    __atomic_store_n(&header.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    block_ = (block_ + 1) % ring_.blocks;
    return slab->count < kMostPackets;
  }

  /** The kernel wrote these numbers; checking them costs nothing beside copying. */
  bool Locate(const unsigned char* block, Seen* seen, uint32_t* next) const {
    constexpr uint32_t kAddressAt = TPACKET_ALIGN(sizeof(tpacket3_hdr));
    if (position_ > kBlockBytes - kAddressAt - sizeof(sockaddr_ll)) return false;
    const auto* header = reinterpret_cast<const tpacket3_hdr*>(block + position_);
    const auto* link = reinterpret_cast<const sockaddr_ll*>(block + position_ + kAddressAt);
    const uint64_t end = static_cast<uint64_t>(position_) + header->tp_mac + header->tp_snaplen;
    if (end > kBlockBytes) return false;
    seen->octets = block + position_ + header->tp_mac;
    seen->length = header->tp_snaplen;
    seen->original_length = header->tp_len;
    seen->status = header->tp_status;
    seen->interface_index = static_cast<uint32_t>(link->sll_ifindex);
    seen->packet_type = link->sll_pkttype;
    seen->realtime_ns = static_cast<int64_t>(header->tp_sec) * 1'000'000'000 + header->tp_nsec;
    *next = header->tp_next_offset;
    return true;
  }

  napi_env env_;
  Ring ring_;
  RealtimeMapping mapping_;
  RecentPackets recent_;
  std::shared_ptr<ReceiverCore> loop_share_;
  napi_ref pin_ = nullptr;
  napi_ref slab_ = nullptr;
  napi_ref on_batch_ = nullptr;
  napi_ref on_error_ = nullptr;
  napi_async_context context_ = nullptr;
  uint32_t block_ = 0;
  bool inside_block_ = false;
  uint32_t packets_left_ = 0;
  uint32_t position_ = 0;
  uint64_t received_ = 0;
  uint64_t dropped_ = 0;
  uint64_t delivered_ = 0;
};

Napi::Function Receiver::Define(Napi::Env env) {
  return DefineClass(env, "Receiver",
                     {InstanceMethod<&Receiver::SetFilter>("setFilter"), InstanceMethod<&Receiver::Stats>("stats"),
                      InstanceMethod<&Receiver::Close>("close")});
}

Receiver::Receiver(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Receiver>(info) { Open(info); }

void Receiver::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) return ThrowArgumentType(env, "options", "an object");
  if (!info[1].IsFunction()) return ThrowArgumentType(env, "onBatch", "a function");
  if (!info[2].IsFunction()) return ThrowArgumentType(env, "onError", "a function");
  const auto options = info[0].As<Napi::Object>();
  RingOptions ring_options;
  int64_t ether_type = -1;
  if (!ReadInteger(options, "etherType", 0, UINT16_MAX, &ether_type)) return;
  if (!ReadInteger(options, "ringBytes", kSmallestRing, kLargestRing, &ring_options.ring_bytes)) return;
  if (!ReadInteger(options, "blockTimeoutMs", 1, 1'000, &ring_options.block_timeout_ms)) return;
  if (ether_type < 0) return ThrowArgumentType(env, "etherType", "a number");
  ring_options.ether_type = static_cast<uint32_t>(ether_type);
  const Napi::Value filter_words = options.Get("filter");
  if (env.IsExceptionPending()) return;
  Filter filter;
  if (!filter.Read(env, filter_words)) return;

  const Napi::ArrayBuffer slab = Napi::ArrayBuffer::New(env, Slab::kBytes);
  if (env.IsExceptionPending()) return;
  int fd = -1;
  Ring ring;
  const Failure failure = OpenRing(ring_options, filter, &fd, &ring);
  if (failure.error != 0) {
    if (ring.memory != nullptr) munmap(ring.memory, ring.bytes);
    if (fd >= 0) close(fd);
    return ThrowSystemError(env, failure.call, failure.error, failure.error == EPERM ? "receiving needs CAP_NET_RAW" : nullptr);
  }
  core_ = std::make_shared<ReceiverCore>(env, ring);
  Napi::Object self = info.This().As<Napi::Object>();
  const int error = core_->Open(fd, self, slab, info[1], info[2]);
  if (error != 0) return ThrowSystemError(env, "uv_poll_init", error);
  self.Set("times", Napi::Float64Array::New(env, kMostPackets, slab, Slab::kTimesAt));
  self.Set("offsets", Napi::Uint32Array::New(env, kMostPackets, slab, Slab::kOffsetsAt));
  self.Set("lengths", Napi::Uint32Array::New(env, kMostPackets, slab, Slab::kLengthsAt));
  self.Set("flags", Napi::Uint32Array::New(env, kMostPackets, slab, Slab::kFlagsAt));
  self.Set("interfaces", Napi::Uint32Array::New(env, kMostPackets, slab, Slab::kInterfacesAt));
  self.Set("octets", Napi::Uint8Array::New(env, kSlabBytes, slab, Slab::kOctetsAt));
}

Napi::Value Receiver::SetFilter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Filter filter;
  if (!filter.Read(env, info[0])) return env.Undefined();
  if (core_ == nullptr || !core_->IsOpen()) {
    ThrowSystemError(env, "setsockopt(SO_ATTACH_FILTER)", EBADF);
    return env.Undefined();
  }
  const Failure failure = filter.Attach(core_->Descriptor());
  if (failure.error != 0) ThrowSystemError(env, failure.call, failure.error);
  return env.Undefined();
}

Napi::Value Receiver::Stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object stats = Napi::Object::New(env);
  if (core_ == nullptr) return stats;
  core_->ReadCounters();
  stats.Set("received", Napi::Number::New(env, static_cast<double>(core_->Received())));
  stats.Set("dropped", Napi::Number::New(env, static_cast<double>(core_->Dropped())));
  stats.Set("delivered", Napi::Number::New(env, static_cast<double>(core_->Delivered())));
  stats.Set("clockSteps", Napi::Number::New(env, core_->ClockSteps()));
  stats.Set("ringBytes", Napi::Number::New(env, static_cast<double>(core_->RingBytes())));
  return stats;
}

Napi::Value Receiver::Close(const Napi::CallbackInfo& info) {
  if (core_ != nullptr && core_->IsOpen()) {
    core_->ReadCounters();
    core_->Close();
  }
  return info.Env().Undefined();
}

}  // namespace shim
