// SPDX-License-Identifier: Apache-2.0
#include "store/value.h"

#include <cstdlib>

#include "base/memory.h"
#include "store/encoding/listpack.h"
#include "store/hash/hash.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"
#include "store/stream/stream.h"

namespace henge::store {
namespace {

// --- Types that are one listpack --------------------------------------------------------------

void* MakeListpack() { return Listpack::New().block(); }
void FreeBlock(Encoding, void* block) { std::free(block); }
size_t BlockMemory(Encoding, const void* block) {
  return Listpack(const_cast<void*>(block)).MemoryBytes();
}
size_t BlockEffort(Encoding, const void*) { return 1; }
void* CopyBlock(Encoding, const void* block) {
  return Listpack::Copy(Listpack(const_cast<void*>(block)).view()).block();
}
bool BlockIsEmpty(Encoding, const void* block) {
  return Listpack(const_cast<void*>(block)).empty();
}

constexpr ValueOperations kListpackOnly = {MakeListpack, Encoding::kListpack, FreeBlock,
                                           BlockMemory,  BlockEffort,         CopyBlock,
                                           BlockIsEmpty};

}  // namespace

const ValueOperations& OperationsOf(Type type) {
  switch (type) {
    case Type::kSet:
      return kSetOperations;
    case Type::kSortedSet:
      return SortedSet::kOperations;
    case Type::kHash:
      return kHashOperations;
    case Type::kString:  // Has none; the entry knows strings itself.
    case Type::kList:
      return kListpackOnly;
    case Type::kStream:
      return kStreamOperations;
  }
  std::abort();
}

}  // namespace henge::store
