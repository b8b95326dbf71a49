// SPDX-License-Identifier: Apache-2.0
// The end of WATCH and of MULTI: what UNWATCH, EXEC, DISCARD, RESET and a closing connection have
// in common.
#pragma once

#include "commands/client_state.h"
#include "store/store.h"

namespace henge::commands {

// Unregisters all of the client's watched keys, locking their shards where `held` does not.
void ForgetWatches(ClientState& client, store::Store& store);
void ForgetWatches(ClientState& client, store::Store& store, const store::LockSet& held);

// Leaves MULTI, if the client is in it, without running what was queued; forgets the watches.
void DropTransaction(ClientState& client, store::Store& store, const store::LockSet& held);

}  // namespace henge::commands
