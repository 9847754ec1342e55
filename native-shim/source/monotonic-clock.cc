#include "monotonic-clock.h"

#include <time.h>

namespace shim {

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
/** More than two readings 30 ns apart can disagree by, less than any step worth knowing. */
constexpr int64_t kStepNs = 5'000;
/** Packets wait in the ring no longer than this, unless the process was stopped. */
constexpr int64_t kLongestWaitNs = 100'000'000;

int64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * kSecondNs + now.tv_nsec;
}

const int64_t kLoadedAtNs = Read(CLOCK_MONOTONIC);

struct Reading {
  int64_t offset_ns;
  int64_t width_ns;
};

/** Realtime minus monotonic, from the narrowest of a few sandwiches: being preempted inside one would look like a step. */
Reading MeasureOffset() {
  Reading best{0, INT64_MAX};
  for (int attempt = 0; attempt < 5; attempt++) {
    const int64_t before = Read(CLOCK_MONOTONIC);
    const int64_t realtime = Read(CLOCK_REALTIME);
    const int64_t after = Read(CLOCK_MONOTONIC);
    if (after - before < best.width_ns) best = {realtime - (before + after) / 2, after - before};
    if (best.width_ns < 200) break;
  }
  return best;
}

}  // namespace

int64_t MonotonicNs() { return Read(CLOCK_MONOTONIC); }

double SinceLoadNs(int64_t monotonic_ns) { return static_cast<double>(monotonic_ns - kLoadedAtNs); }

RealtimeMapping::RealtimeMapping() {
  offset_ns_ = MeasureOffset().offset_ns;
  previous_offset_ns_ = offset_ns_;
  now_ns_ = MonotonicNs();
  last_refresh_ns_ = now_ns_;
}

void RealtimeMapping::Refresh() {
  const Reading reading = MeasureOffset();
  last_refresh_ns_ = now_ns_;
  now_ns_ = MonotonicNs();
  const int64_t change = reading.offset_ns - offset_ns_;
  just_stepped_ = (change > kStepNs || change < -kStepNs) && reading.width_ns < kStepNs;
  if (!just_stepped_) return;
  previous_offset_ns_ = offset_ns_;
  offset_ns_ = reading.offset_ns;
  steps_++;
}

int64_t RealtimeMapping::Map(int64_t realtime_ns) const {
  const int64_t mapped = realtime_ns - offset_ns_;
  if (!just_stepped_) return mapped;
  const bool possible = mapped <= now_ns_ && mapped >= last_refresh_ns_ - kLongestWaitNs;
  return possible ? mapped : realtime_ns - previous_offset_ns_;
}

}  // namespace shim
