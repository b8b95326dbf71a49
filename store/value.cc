// SPDX-License-Identifier: Apache-2.0
#include "store/value.h"

#include <cstdlib>

#include "store/hash/hash.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"
#include "store/stream/stream.h"

namespace henge::store {

const ValueOperations& OperationsOf(Type type) {
  switch (type) {
    case Type::kString:
      break;  // The entry knows strings itself.
    case Type::kList:
      return kListOperations;
    case Type::kSet:
      return kSetOperations;
    case Type::kSortedSet:
      return SortedSet::kOperations;
    case Type::kHash:
      return kHashOperations;
    case Type::kStream:
      return kStreamOperations;
  }
  std::abort();
}

}  // namespace henge::store
