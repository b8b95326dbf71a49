// SPDX-License-Identifier: Apache-2.0
#include "cluster/failover/lease.h"

#include <algorithm>
#include <cmath>

namespace henge::cluster {

int64_t JudgeWaitMicros(int64_t lease_micros) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(lease_micros) * (1 + kClockDrift)));
}

void LeaseHolder::Lead(Epoch epoch) {
  if (leading_ && epoch == epoch_) return;
  leading_ = true;
  surrendered_ = false;
  epoch_ = epoch;
  until_ = INT64_MIN;
}

void LeaseHolder::Follow() {
  leading_ = false;
  until_ = INT64_MIN;
}

void LeaseHolder::Grant(Epoch epoch, int64_t sent_micros, int64_t lease_micros) {
  if (!leading_ || epoch != epoch_) return;
  const auto usable = static_cast<int64_t>(static_cast<double>(lease_micros) * (1 - kClockDrift));
  until_ = std::max(until_, sent_micros + usable);
}

void LeaseHolder::Surrender() { surrendered_ = true; }

void LeaseHolder::TakeBack() { surrendered_ = false; }

}  // namespace henge::cluster
