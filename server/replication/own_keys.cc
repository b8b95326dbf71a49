// SPDX-License-Identifier: Apache-2.0
#include "server/replication/own_keys.h"

#include <vector>

#include "commands/command_table.h"
#include "server/node.h"
#include "store/keyspace.h"

namespace henge::server {

void OwnKeys::Note(std::span<const persistence::Effect> effects) {
  std::vector<commands::KeyPosition> positions;
  const std::lock_guard lock(mu_);
  for (const persistence::Effect& effect : effects) {
    const auto resolved = commands::CommandTable::Get().Resolve(effect.words);
    if (resolved.info == nullptr) continue;
    positions.clear();
    commands::FindKeys(*resolved.info->spec, effect.words, positions);
    for (const auto& [index, flags] : positions) {
      if (names_.size() >= kMost) return;
      names_.emplace(effect.db, effect.words[static_cast<size_t>(index)]);
    }
  }
}

void OwnKeys::Expire(UnixMillis now) {
  absl::flat_hash_set<Name> names;
  {
    const std::lock_guard lock(mu_);
    names.swap(names_);
  }
  if (names.empty()) return;
  absl::erase_if(names, [&](const Name& name) { return !IsStillWaiting(name, now); });
  const std::lock_guard lock(mu_);
  names_.merge(names);
}

bool OwnKeys::IsStillWaiting(const Name& name, UnixMillis now) {
  const store::Key key = store::Key::Of(name.second);
  store::LockSet locks(node_.store());
  locks.Add(key.slot);
  locks.Lock();
  store::Keyspace keyspace(node_.store(), locks, node_.dispatchers()[0]->effects(), name.first,
                           now);
  keyspace.set_sees_expired(true);
  const store::Entry* entry = keyspace.Find(key);
  if (entry == nullptr || !entry->has_expiry()) return false;
  if (!entry->ExpiredAt(now)) return true;
  keyspace.Delete(key, store::events::kExpired);
  return false;
}

void OwnKeys::Clear() {
  const std::lock_guard lock(mu_);
  names_.clear();
}

}  // namespace henge::server
