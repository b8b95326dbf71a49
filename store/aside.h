// SPDX-License-Identifier: Apache-2.0
// A second store beside the node's own: what is loaded there is shown to nobody until it takes the
// place of everything in the first, at one moment. Costs the memory of both.
#pragma once

#include <memory>

#include "base/types.h"
#include "store/event.h"
#include "store/store.h"

namespace henge::store {

// Empty, of the same shape and with the same settings.
std::unique_ptr<Store> MakeAlike(Store& store);

// Whether a snapshot is under way whose entries' marks mean something yet. REQUIRES: every shard is
// locked.
bool IsBeingSaved(Store& store);

// All of `with`, which is empty afterwards, instead of all that is in `store`, which is freed in
// the background. Watchers, and who waits for keys, notice. REQUIRES: `locks` holds every shard of
// `store`; nobody else uses `with`; not IsBeingSaved.
void ReplaceContents(Store& store, const LockSet& locks, Store& with, UnixMillis now,
                     EffectSink& sink);

}  // namespace henge::store
