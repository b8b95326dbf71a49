// SPDX-License-Identifier: Apache-2.0
// All connected clients, for CLIENT LIST, KILL, UNBLOCK and the like. Any thread; a leaf lock.
#pragma once

#include <absl/container/btree_map.h>

#include <atomic>
#include <functional>
#include <mutex>

#include "base/types.h"
#include "commands/client_state.h"

namespace henge::server {

class Session;

class ClientRegistry {
 public:
  ClientId NextId() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  void Add(ClientId id, Session* session);
  void Remove(ClientId id);
  size_t size() const;

  // Calls fn(session) for each, by id; fn must not call back. Only atomics and what is fixed may be
  // read of a session that lives on another worker.
  void ForEach(const std::function<void(Session&)>& fn) const;
  // Runs `fn` on the client's worker, if it is (still) there; false if there is no such client now.
  bool RunOn(ClientId id, std::function<void(Session&)> fn);
  // Calls fn(session), as ForEach does; false if there is no such client.
  bool Visit(ClientId id, const std::function<void(Session&)>& fn) const;
  // The client's worker's thread only, as another could not keep it from going. Null: it is gone.
  Session* Find(ClientId id) const;

 private:
  mutable std::mutex mu_;
  absl::btree_map<ClientId, Session*> sessions_;
  std::atomic<ClientId> next_id_{1};
};

}  // namespace henge::server
