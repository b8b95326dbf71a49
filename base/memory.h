// SPDX-License-Identifier: Apache-2.0
// Exact accounting of the heap, for maxmemory and INFO.
//
// jemalloc counts, per thread, the bytes ever allocated and freed; we add up those counters for the
// threads that registered and, for the rest (gRPC's), the process total that jemalloc merges when
// asked. Reading costs one load per registered thread. Under the sanitizers, which bring allocators
// of their own, the sanitizer's total is used.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace henge {

#if defined(HENGE_JEMALLOC)
inline constexpr size_t kSmallestAllocation = 8;
inline constexpr bool kGeometricSizes = true;
#else
inline constexpr size_t kSmallestAllocation = 16;
inline constexpr bool kGeometricSizes = false;
#endif

// Bytes the allocator would really spend on a request of `size` bytes (its size class). jemalloc's are
// multiples of 16 up to 128 and then four to each doubling; told here by arithmetic, as it is asked
// for every change of a collection.
inline size_t AllocationSize(size_t size) {
  if (size <= 8) return size == 0 ? 0 : kSmallestAllocation;
  if (kGeometricSizes && size > 128) {
    const size_t step = size_t{1} << (std::bit_width(size - 1) - 3);
    return (size + step - 1) & ~(step - 1);
  }
  return (size + 15) & ~size_t{15};
}

// The size class of a live allocation.
size_t UsableSize(const void* p);

// Registers the calling thread's counters for as long as the object lives. Every thread that
// allocates on the data path holds one.
class ThreadMemory {
 public:
  ThreadMemory();
  ~ThreadMemory();
  ThreadMemory(const ThreadMemory&) = delete;
  ThreadMemory& operator=(const ThreadMemory&) = delete;
};

// Bytes allocated in the process now. Any thread.
size_t UsedMemory();

// Asks the allocator for its merged total, so that memory of unregistered threads is seen; call
// every 100 ms or so from one thread at a time.
void RefreshUsedMemory();

struct AllocatorStats {
  size_t allocated = 0;
  size_t active = 0;
  size_t resident = 0;
  size_t retained = 0;
  size_t muzzy = 0;
};
AllocatorStats ReadAllocatorStats();

// Resident set size of the process, in bytes.
size_t ResidentMemory();

// Returns dirty pages to the kernel (MEMORY PURGE).
void PurgeAllocator();

// The allocator's own report (MEMORY MALLOC-STATS); pages of text.
std::string AllocatorReport();

// One of the allocator's figures, by its name there ("arenas.page"); none if there is no such.
std::optional<int64_t> ReadAllocatorNumber(const std::string& name);
// Runs an action of the allocator's that takes and gives no value ("thread.tcache.flush").
bool RunAllocatorAction(const std::string& name);

// "jemalloc-5.3.0" or "libc".
const char* AllocatorName();

}  // namespace henge
