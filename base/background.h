// SPDX-License-Identifier: Apache-2.0
// Background threads: bulk work (snapshots for followers, copying them, loading a leader's) that
// must not take the processor from those who answer clients.
#pragma once

#include <absl/functional/function_ref.h>

#include <optional>
#include <thread>
#include <utility>

#include "base/memory.h"

namespace henge {

// The calling thread, and those it starts from now on, give way to the others where there are too
// few cores for all: about a tenth of what others get, so that the work still comes to an end. It
// can't be taken back: for threads that end with their work.
void BecomeBackground();

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
