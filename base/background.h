// SPDX-License-Identifier: Apache-2.0
// Who gets the processor where there are too few: threads that answer clients before background
// threads, which do bulk work (snapshots for followers, copying them, loading a leader's).
#pragma once

#include <absl/functional/function_ref.h>

#include <optional>
#include <thread>
#include <utility>

#include "base/memory.h"

namespace henge {

// For threads that answer clients: who is woken for one runs at once, whatever bulk work is under
// way on its processor. Over a long time it gets no more of it than others. Linux 6.12 and later.
void AnswerPromptly();

// The calling thread, and those it starts from now on, give way to the others where there are too
// few cores for all: about a tenth of what others get, so that the work still comes to an end. It
// can't be taken back: for threads that end with their work.
void BecomeBackground();
bool IsBackground();  // Whether the calling thread became it; those it started did not.

// For bulk work that must keep up with others: as much of the processor as they get, in short
// turns.
void TakeShortTurns();

// Between short steps of such work, holding no lock: lets those pass who wait for the processor.
// The kernel alone lets them wait until its next tick, for up to 4 ms, if they had their share of
// late. A read of the clock, and a call of the system each 100 us; nothing on other threads.
void GiveWay();

// Does it on a background thread, and waits for what it returns.
template <typename Result>
Result InBackground(absl::FunctionRef<Result()> work) {
  std::optional<Result> result;
  std::thread([&] {
    const ThreadMemory memory;
    BecomeBackground();
    result.emplace(work());
  }).join();
  return *std::move(result);
}

}  // namespace henge
