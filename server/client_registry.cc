// SPDX-License-Identifier: Apache-2.0
#include "server/client_registry.h"

#include "net/worker.h"
#include "server/session.h"

namespace henge::server {

void ClientRegistry::Add(ClientId id, Session* session) {
  std::lock_guard lock(mu_);
  sessions_.emplace(id, session);
}

void ClientRegistry::Remove(ClientId id) {
  std::lock_guard lock(mu_);
  sessions_.erase(id);
}

size_t ClientRegistry::size() const {
  std::lock_guard lock(mu_);
  return sessions_.size();
}

void ClientRegistry::ForEach(const std::function<void(Session&)>& fn) const {
  std::lock_guard lock(mu_);
  for (const auto& [id, session] : sessions_) fn(*session);
}

Session* ClientRegistry::Find(ClientId id) const {
  std::lock_guard lock(mu_);
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

bool ClientRegistry::Visit(ClientId id, const std::function<void(Session&)>& fn) const {
  std::lock_guard lock(mu_);
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return false;
  fn(*it->second);
  return true;
}

bool ClientRegistry::RunOn(ClientId id, std::function<void(Session&)> fn) {
  net::Worker* worker = nullptr;
  {
    std::lock_guard lock(mu_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) return false;
    worker = &it->second->connection().worker();
  }
  // By the time the task runs the client may be gone; its worker is the only one to end it.
  worker->Post([this, id, fn = std::move(fn)] {
    if (Session* session = Find(id)) fn(*session);
  });
  return true;
}

}  // namespace henge::server
