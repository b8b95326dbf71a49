// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <vector>

#if defined(HENGE_JEMALLOC)
#include <jemalloc/jemalloc.h>
#elif defined(HENGE_SANITIZED)
#include <sanitizer/allocator_interface.h>
#endif

namespace henge {
namespace {

#if defined(HENGE_JEMALLOC)

struct Counters {
  const uint64_t* allocated;
  const uint64_t* freed;
};

// The registry is written when threads start and stop, read on every UsedMemory: so readers see a
// fixed array with an atomic length, and a thread that ends leaves its balance behind.
constexpr size_t kMaxThreads = 512;
struct Registry {
  std::mutex mu;
  std::atomic<size_t> count{0};
  std::atomic<const uint64_t*> allocated[kMaxThreads];
  std::atomic<const uint64_t*> freed[kMaxThreads];
  std::atomic<int64_t> ended{0};     // Balance of registered threads that have ended.
  std::atomic<int64_t> baseline{0};  // Merged total minus the registered balance, last refresh.
};
Registry& Threads() {
  static Registry* registry = new Registry;
  return *registry;
}

uint64_t Peek(const uint64_t* counter) {
  // Another thread's counter: a plain load of an aligned word, a moment old at worst.
  return *const_cast<const volatile uint64_t*>(counter);
}

int64_t RegisteredBalance() {
  Registry& r = Threads();
  int64_t sum = r.ended.load(std::memory_order_relaxed);
  const size_t n = r.count.load(std::memory_order_acquire);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t* a = r.allocated[i].load(std::memory_order_acquire);
    if (a == nullptr) continue;
    const uint64_t* f = r.freed[i].load(std::memory_order_acquire);
    if (f == nullptr) continue;
    sum += static_cast<int64_t>(Peek(a) - Peek(f));
  }
  return sum;
}

size_t MallctlSize(const char* name) {
  size_t value = 0;
  size_t length = sizeof(value);
  if (mallctl(name, &value, &length, nullptr, 0) != 0) return 0;
  return value;
}

#endif

}  // namespace

#if defined(HENGE_JEMALLOC)

size_t UsableSize(const void* p) { return p == nullptr ? 0 : sallocx(p, 0); }

ThreadMemory::ThreadMemory() {
  uint64_t* allocated = nullptr;
  uint64_t* freed = nullptr;
  size_t length = sizeof(allocated);
  if (mallctl("thread.allocatedp", &allocated, &length, nullptr, 0) != 0) return;
  length = sizeof(freed);
  if (mallctl("thread.deallocatedp", &freed, &length, nullptr, 0) != 0) return;
  Registry& r = Threads();
  std::lock_guard lock(r.mu);
  // What this thread did before is in the merged total already; the next refresh evens it out.
  const size_t n = r.count.load(std::memory_order_relaxed);
  size_t at = 0;
  while (at < n && r.allocated[at].load(std::memory_order_relaxed) != nullptr) ++at;
  if (at == kMaxThreads) return;
  r.freed[at].store(freed, std::memory_order_release);
  r.allocated[at].store(allocated, std::memory_order_release);
  if (at == n) r.count.store(n + 1, std::memory_order_release);
  r.baseline.fetch_sub(static_cast<int64_t>(Peek(allocated) - Peek(freed)),
                       std::memory_order_relaxed);
}

ThreadMemory::~ThreadMemory() {
  uint64_t* allocated = nullptr;
  size_t length = sizeof(allocated);
  if (mallctl("thread.allocatedp", &allocated, &length, nullptr, 0) != 0) return;
  Registry& r = Threads();
  std::lock_guard lock(r.mu);
  const size_t n = r.count.load(std::memory_order_relaxed);
  for (size_t i = 0; i < n; ++i) {
    if (r.allocated[i].load(std::memory_order_relaxed) != allocated) continue;
    const uint64_t* freed = r.freed[i].load(std::memory_order_relaxed);
    r.ended.fetch_add(static_cast<int64_t>(Peek(allocated) - Peek(freed)),
                      std::memory_order_relaxed);
    r.allocated[i].store(nullptr, std::memory_order_release);
    r.freed[i].store(nullptr, std::memory_order_release);
    return;
  }
}

size_t UsedMemory() {
  const int64_t used = RegisteredBalance() + Threads().baseline.load(std::memory_order_relaxed);
  return used > 0 ? static_cast<size_t>(used) : 0;
}

void RefreshUsedMemory() {
  const int64_t before = RegisteredBalance();
  const AllocatorStats stats = ReadAllocatorStats();
  const int64_t after = RegisteredBalance();
  // What threads keep at hand to allocate anew counts as allocated there, and as freed here.
  const size_t at_hand = MallctlSize("stats.arenas.4096.tcache_bytes");
  const int64_t registered = before + (after - before) / 2;  // About when the total was taken.
  Threads().baseline.store(static_cast<int64_t>(stats.allocated - at_hand) - registered,
                           std::memory_order_relaxed);
}

AllocatorStats ReadAllocatorStats() {
  uint64_t epoch = 1;
  size_t length = sizeof(epoch);
  mallctl("epoch", &epoch, &length, &epoch, length);
  return {.allocated = MallctlSize("stats.allocated"),
          .active = MallctlSize("stats.active"),
          .resident = MallctlSize("stats.resident"),
          .retained = MallctlSize("stats.retained"),
          .muzzy = 0};
}

void PurgeAllocator() { mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0); }

std::string AllocatorReport() {
  std::string report;
  malloc_stats_print(
      [](void* to, const char* text) { static_cast<std::string*>(to)->append(text); }, &report,
      nullptr);
  return report;
}

std::optional<int64_t> ReadAllocatorNumber(const std::string& name) {
  // Values are of eight, four or one bytes; the allocator knows which.
  for (const size_t size : {sizeof(int64_t), sizeof(int32_t), sizeof(bool)}) {
    int64_t value = 0;  // Little-endian, as all machines this is built for.
    size_t length = size;
    if (mallctl(name.c_str(), &value, &length, nullptr, 0) == 0) return value;
  }
  return std::nullopt;
}

bool RunAllocatorAction(const std::string& name) {
  return mallctl(name.c_str(), nullptr, nullptr, nullptr, 0) == 0;
}

const char* AllocatorName() { return "jemalloc-5.3.0"; }

#else

size_t UsableSize(const void* p) { return malloc_usable_size(const_cast<void*>(p)); }
ThreadMemory::ThreadMemory() = default;
ThreadMemory::~ThreadMemory() = default;

size_t UsedMemory() {
#if defined(HENGE_SANITIZED)
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

void RefreshUsedMemory() {}
AllocatorStats ReadAllocatorStats() {
  const size_t used = UsedMemory();
  return {.allocated = used, .active = used, .resident = ResidentMemory()};
}
void PurgeAllocator() { malloc_trim(0); }
std::string AllocatorReport() { return "Stats not supported for the current allocator"; }
std::optional<int64_t> ReadAllocatorNumber(const std::string&) { return std::nullopt; }
bool RunAllocatorAction(const std::string&) { return false; }
const char* AllocatorName() { return "libc"; }

#endif

size_t ResidentMemory() {
  FILE* f = fopen("/proc/self/statm", "re");
  if (f == nullptr) return 0;
  unsigned long size = 0;
  unsigned long resident = 0;
  const int n = fscanf(f, "%lu %lu", &size, &resident);
  fclose(f);
  return n == 2 ? resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace henge
