// SPDX-License-Identifier: Apache-2.0
#include "base/background.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace henge {
namespace {

// sched_setattr(2); the C library has no declaration, and the kernel's header clashes with it.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_nanos = 0;
  uint64_t deadline_nanos = 0;
  uint64_t period_nanos = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48, "SCHED_ATTR_SIZE_VER0");

using Clock = std::chrono::steady_clock;
constexpr std::chrono::microseconds kShortestSlice{100};  // The kernel knows no shorter one.
constexpr std::chrono::microseconds kSlice{200};

enum class Turns { kLong, kShort, kBackground };
thread_local Turns turns = Turns::kLong;
thread_local Clock::time_point gave_way;

// Who is woken takes the processor from who has a longer slice. Linux 6.12 and later; before, the
// weight alone decides that.
void Schedule(int nice, std::chrono::nanoseconds slice) {
  SchedulingAttributes attributes;
  attributes.nice = nice;
  attributes.runtime_nanos = slice.count();
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void AnswerPromptly() { Schedule(getpriority(PRIO_PROCESS, 0), kShortestSlice); }

void BecomeBackground() {
  turns = Turns::kBackground;
  pthread_setname_np(pthread_self(), "background");
  Schedule(std::max(getpriority(PRIO_PROCESS, 0), 10), kSlice);
}

bool IsBackground() { return turns == Turns::kBackground; }

void TakeShortTurns() {
  turns = Turns::kShort;
  Schedule(getpriority(PRIO_PROCESS, 0), kSlice);
}

void GiveWay() {
  if (turns == Turns::kLong) return;
  const Clock::time_point now = Clock::now();
  if (now - gave_way < kShortestSlice) return;
  sched_yield();
  gave_way = Clock::now();
}

}  // namespace henge
