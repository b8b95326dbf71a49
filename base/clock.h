// SPDX-License-Identifier: Apache-2.0
// Time, passed in wherever it matters so that tests and simulations can turn the hands.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace henge {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMillis NowMillis() const = 0;     // Wall clock.
  virtual int64_t NowMicros() const = 0;        // Wall clock, µs since the epoch.
  virtual int64_t MonotonicMicros() const = 0;  // Never steps back; arbitrary origin.
};

// The machine's own clocks. Thread-safe.
const Clock& SystemClock();

// A clock for tests: stands still until told.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMillis now = 1'700'000'000'000) : micros_(now * 1000) {}
  UnixMillis NowMillis() const override { return micros_ / 1000; }
  int64_t NowMicros() const override { return micros_; }
  int64_t MonotonicMicros() const override { return micros_; }
  void Advance(int64_t millis) { micros_ += millis * 1000; }

 private:
  int64_t micros_;
};

// A cheap counter for durations: ticks of the CPU's invariant counter where there is one, else
// nanoseconds. Convert differences with TicksToMicros. Calibrated once, at first use.
uint64_t Ticks();
double TicksPerMicro();
inline uint64_t TicksToMicros(uint64_t ticks) {
  return static_cast<uint64_t>(static_cast<double>(ticks) / TicksPerMicro());
}

}  // namespace henge
