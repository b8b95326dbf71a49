// SPDX-License-Identifier: Apache-2.0
// Frees, on the reclaimer's thread, what the removal of a long range left behind in a sorted set:
// some at a time, under the shard's lock, so that no command waits for it.
#pragma once

#include "base/types.h"
#include "store/key.h"
#include "store/store.h"

namespace henge::store {

// Cheap enough to be called under a shard's lock. Where the key is renamed or moved meanwhile, the
// set's next changes sweep it.
void SweepInBackground(Store& store, DbIndex db, const Key& key);

}  // namespace henge::store
