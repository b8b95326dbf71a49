// SPDX-License-Identifier: Apache-2.0
// What the entry needs of a collection, whatever its type: one table of functions per type, over
// the object its entry points to. An object of encoding kListpack or kIntset is a plain block,
// which value.cc knows by itself; the others belong to the type's own room (store/list/, …).
//
// `memory` and `free_effort` must not take longer than a look into the object: they are asked at
// every change.
#pragma once

#include <cstddef>

#include "base/types.h"
#include "store/entry.h"

namespace henge::store {

struct ValueOperations {
  void* (*make)();    // An empty value, in the type's smallest encoding:
  Encoding smallest;  // this one.
  void (*free)(Encoding, void*);
  size_t (*memory)(Encoding, const void*);       // Bytes the allocator spends on it.
  size_t (*free_effort)(Encoding, const void*);  // Number of allocations, about.
  void* (*copy)(Encoding, const void*);
  bool (*empty)(Encoding, const void*);  // Whether its key has no reason to be there any more.
  // Hints that the member of this hash (HashKey) will be looked for in a large form: its bucket, and
  // later, when that may be here, its record. Both or neither, of kHashtable and kSkiplist only.
  void (*prefetch_bucket)(Encoding, const void*, uint64_t hash) = nullptr;
  void (*prefetch_record)(Encoding, const void*, uint64_t hash) = nullptr;
  // The earliest deadline of its members, kNoExpiry if none has one; null where none ever does.
  UnixMillis (*earliest_deadline)(Encoding, const void*) = nullptr;
};

// REQUIRES: a collection's type.
const ValueOperations& OperationsOf(Type type);

}  // namespace henge::store
