#pragma once
#include <cstdint>

namespace shim {

/** CLOCK_MONOTONIC in nanoseconds. */
int64_t MonotonicNs();

/** Nanoseconds of CLOCK_MONOTONIC since the addon was loaded: small enough for a double to hold each one for 104 days. */
double SinceLoadNs(int64_t monotonic_ns);

/**
 * Maps the kernel's packet times (CLOCK_REALTIME) onto CLOCK_MONOTONIC. The two advance alike and differ by a constant until
 * somebody sets the clock, so the difference is measured often and only replaced when it has changed by more than the measurement's
 * own error.
 */
class RealtimeMapping {
 public:
  RealtimeMapping();
  /** Measures again; call before mapping the packets of a batch. */
  void Refresh();
  /** CLOCK_MONOTONIC of a packet's time. */
  int64_t Map(int64_t realtime_ns) const;
  /** How often the realtime clock was found set to another time. */
  uint32_t Steps() const { return steps_; }

 private:
  int64_t offset_ns_ = 0;
  int64_t previous_offset_ns_ = 0;
  /** A batch right after a step holds packets stamped before it; this is how they are told. */
  bool just_stepped_ = false;
  int64_t now_ns_ = 0;
  int64_t last_refresh_ns_ = 0;
  uint32_t steps_ = 0;
};

}  // namespace shim
