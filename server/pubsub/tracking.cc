// SPDX-License-Identifier: Apache-2.0
#include "server/pubsub/tracking.h"

#include <algorithm>
#include <utility>

#include "server/node.h"
#include "server/session.h"

namespace henge::server {
namespace {

using commands::kTrackBroadcast;
using commands::kTrackBroken;
using commands::kTrackCaching;
using commands::kTrackNoLoop;
using commands::kTrackOptIn;
using commands::kTrackOptOut;
using commands::kTracks;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::string_view kInvalidateChannel = "__redis__:invalidate";
constexpr size_t kForgottenAtOnce = 256;

void AppendBulk(std::string_view bytes, std::string& out) {
  out.append("$").append(std::to_string(bytes.size())).append("\r\n");
  out.append(bytes).append("\r\n");
}

std::string ArrayOf(std::string_view key) {
  std::string array = "*1\r\n";
  AppendBulk(key, array);
  return array;
}

// Whom the client redirects to is gone.
void TellBroken(Session& session, ClientId redirect) {
  commands::ClientState& client = session.state();
  if (client.tracking_redirect.load(kRelaxed) != redirect) return;
  client.tracking.store(client.tracking.load(kRelaxed) | kTrackBroken, kRelaxed);
  if (!session.reply().resp3()) return;
  session.PushInvalidation(">2\r\n$21\r\ntracking-redir-broken\r\n:" + std::to_string(redirect) +
                           "\r\n");
}

}  // namespace

Tracking::Tracking(Node& node) : node_(node), parts_(node.store().shards()) {}

// --- Who tracks ---------------------------------------------------------------------------------

void Tracking::TurnOn(commands::ClientState& client, uint32_t flags, ClientId redirect,
                      const std::vector<std::string>& prefixes) {
  if ((client.tracking.load(kRelaxed) & kTracks) == 0) clients_.fetch_add(1, kRelaxed);
  client.tracking_redirect.store(redirect, kRelaxed);
  client.tracking.store(flags | kTracks, kRelaxed);
  node_.news_wanted().SetTracking(true);
  if (prefixes.empty()) return;
  const std::lock_guard lock(mu_);
  for (const std::string& prefix : prefixes) {
    std::vector<ClientId>& clients = prefixes_[prefix].clients;
    if (std::find(clients.begin(), clients.end(), client.id) != clients.end()) continue;
    clients.push_back(client.id);
    client.tracking_prefixes.push_back(prefix);
  }
  prefix_count_.store(prefixes_.size(), kRelaxed);
}

void Tracking::TurnOff(commands::ClientState& client) {
  if ((client.tracking.load(kRelaxed) & kTracks) == 0) return;
  client.tracking.store(0, kRelaxed);
  client.tracking_redirect.store(0, kRelaxed);
  LeavePrefixes(client);
  // What it has read stays in the table until it changes or all is flushed, as in Redis.
  if (clients_.fetch_sub(1) == 1 && keys() == 0) {
    node_.news_wanted().SetTracking(false);
    if (clients_.load() != 0) node_.news_wanted().SetTracking(true);  // One came meanwhile.
  }
}

void Tracking::LeavePrefixes(commands::ClientState& client) {
  if (client.tracking_prefixes.empty()) return;
  const std::lock_guard lock(mu_);
  for (const std::string& name : client.tracking_prefixes) {
    const auto prefix = prefixes_.find(name);
    if (prefix == prefixes_.end()) continue;
    std::erase(prefix->second.clients, client.id);
    if (prefix->second.clients.empty()) prefixes_.erase(prefix);
  }
  client.tracking_prefixes.clear();
  prefix_count_.store(prefixes_.size(), kRelaxed);
}

// --- The table ----------------------------------------------------------------------------------

void Tracking::Remember(const commands::ClientState& client, std::span<const store::Key> keys) {
  const uint32_t flags = client.tracking.load(kRelaxed);
  const bool caching = (flags & kTrackCaching) != 0;
  if ((flags & kTrackBroadcast) != 0) return;
  if (((flags & kTrackOptIn) != 0 && !caching) || ((flags & kTrackOptOut) != 0 && caching)) return;
  const int worker = client.subscriber->worker();
  const Reader reader = client.id << kWorkerBits | static_cast<Reader>(worker);
  for (const store::Key& key : keys) {
    Part& part = parts_[node_.store().ShardOf(key.slot)];
    const auto [found, added] = part.try_emplace(key.bytes);
    if (added) keys_.fetch_add(1, kRelaxed);
    Readers& readers = found->second;
    const auto at = std::lower_bound(readers.begin(), readers.end(), reader);
    if (at != readers.end() && *at == reader) continue;
    readers.insert(at, reader);
    items_.fetch_add(1, kRelaxed);
    // In the same part: its lock is held.
    if (added && OverLimit()) ForgetOne(worker, part);
  }
}

bool Tracking::OverLimit() const {
  const auto limit = static_cast<size_t>(node_.parameters().tracking_table_max_keys.load());
  return limit != 0 && keys() > limit;
}

void Tracking::ForgetOne(int worker, Part& part) {
  auto victim = part.extract(part.begin());
  keys_.fetch_sub(1, kRelaxed);
  items_.fetch_sub(victim.mapped().size(), kRelaxed);
  Tell(worker, 0, victim.mapped(), victim.key());
}

void Tracking::Limit(int worker) {
  if (!OverLimit()) return;
  const store::LockSet none(node_.store());
  for (size_t i = 0; i < parts_.size() && OverLimit(); ++i) {
    const store::ShardGuard guard(node_.store(), none, static_cast<ShardIndex>(i));
    for (size_t n = 0; n < kForgottenAtOnce && !parts_[i].empty() && OverLimit(); ++n) {
      ForgetOne(worker, parts_[i]);
    }
  }
}

void Tracking::OnChange(int worker, ClientId by, const store::Key& key) {
  if (prefixes() != 0) NoteForBroadcast(worker, by, key.bytes);
  Part& part = parts_[node_.store().ShardOf(key.slot)];
  const auto found = part.find(key.bytes);
  if (found == part.end()) return;
  const Readers readers = std::move(found->second);
  part.erase(found);
  keys_.fetch_sub(1, kRelaxed);
  items_.fetch_sub(readers.size(), kRelaxed);
  Tell(worker, by, readers, key.bytes);
}

void Tracking::OnFlush(int worker) {
  for (Part& part : parts_) Part().swap(part);
  keys_.store(0, kRelaxed);
  items_.store(0, kRelaxed);
  Readers readers;
  node_.clients().ForEach([&](Session& session) {
    if ((session.state().tracking.load(kRelaxed) & kTracks) == 0) return;
    readers.push_back(session.state().id << kWorkerBits |
                      static_cast<Reader>(session.connection().worker().index()));
  });
  for (const Reader reader : readers) {
    const ClientId id = reader >> kWorkerBits;
    const auto tell = [this](Session& session) { TellClient(session, 0, nullptr, true); };
    if (static_cast<int>(reader & ((1u << kWorkerBits) - 1)) == worker) {
      if (Session* session = node_.clients().Find(id)) tell(*session);
    } else {
      node_.clients().RunOn(id, tell);
    }
  }
}

// --- Telling ------------------------------------------------------------------------------------

void Tracking::Tell(int worker, ClientId by, const Readers& readers, std::string_view key) {
  const auto keys = std::make_shared<const std::string>(ArrayOf(key));
  for (const Reader reader : readers) {
    const ClientId id = reader >> kWorkerBits;
    if (static_cast<int>(reader & ((1u << kWorkerBits) - 1)) == worker) {
      if (Session* session = node_.clients().Find(id)) TellClient(*session, by, keys, false);
    } else {
      node_.clients().RunOn(
          id, [this, by, keys](Session& session) { TellClient(session, by, keys, false); });
    }
  }
}

void Tracking::TellClient(Session& session, ClientId by, const Pushed& keys, bool broadcast) {
  commands::ClientState& client = session.state();
  const uint32_t flags = client.tracking.load(kRelaxed);
  if ((flags & kTracks) == 0 || (!broadcast && (flags & kTrackBroadcast) != 0)) return;
  if ((flags & kTrackNoLoop) != 0 && by == client.id) return;
  const ClientId redirect = client.tracking_redirect.load(kRelaxed);
  if (redirect == 0) return Send(session, keys, false);
  net::Worker* worker = nullptr;
  node_.clients().Visit(redirect, [&](Session& target) { worker = &target.connection().worker(); });
  if (worker == nullptr) return TellBroken(session, redirect);
  worker->Post([this, keys, redirect, id = client.id] {
    Session* target = node_.clients().Find(redirect);
    if (target != nullptr && !target->connection().closing()) return Send(*target, keys, true);
    // It went meanwhile.
    node_.clients().RunOn(id, [redirect](Session& source) { TellBroken(source, redirect); });
  });
}

void Tracking::Send(Session& session, const Pushed& keys, bool redirected) {
  const bool resp3 = session.reply().resp3();
  std::string push;
  if (resp3) {
    push = ">2\r\n$10\r\ninvalidate\r\n";
  } else if (redirected && session.subscribed()) {
    push = "*3\r\n$7\r\nmessage\r\n";
    AppendBulk(kInvalidateChannel, push);
  } else {
    return;  // It cannot be told.
  }
  push += keys != nullptr ? std::string_view(*keys) : resp3 ? "_\r\n" : "$-1\r\n";
  session.PushInvalidation(push);
}

// --- Broadcasting -------------------------------------------------------------------------------

void Tracking::NoteForBroadcast(int worker, ClientId by, std::string_view key) {
  {
    const std::lock_guard lock(mu_);
    bool noted = false;
    for (auto& [name, prefix] : prefixes_) {
      if (!key.starts_with(name)) continue;
      prefix.changed[std::string(key)] = by;
      noted = true;
    }
    if (!noted || std::exchange(broadcast_posted_, true)) return;
  }
  // After the commands of this round.
  const auto by_worker = static_cast<size_t>(std::max(worker, 0));
  node_.workers()[by_worker]->Post([this] { Broadcast(); });
}

void Tracking::Broadcast() {
  struct Due {
    std::vector<ClientId> clients;
    absl::btree_map<std::string, ClientId> changed;
  };
  std::vector<Due> due;
  {
    const std::lock_guard lock(mu_);
    broadcast_posted_ = false;
    for (auto& [name, prefix] : prefixes_) {
      if (!prefix.changed.empty()) {
        due.push_back({prefix.clients, std::exchange(prefix.changed, {})});
      }
    }
  }
  const auto encode = [](const Due& prefix, ClientId without) -> Pushed {
    std::string keys;
    size_t count = 0;
    for (const auto& [key, by] : prefix.changed) {
      if (without != 0 && by == without) continue;
      AppendBulk(key, keys);
      ++count;
    }
    if (count == 0) return nullptr;
    return std::make_shared<const std::string>("*" + std::to_string(count) + "\r\n" + keys);
  };
  for (const Due& prefix : due) {
    const Pushed all = encode(prefix, 0);
    for (const ClientId id : prefix.clients) {
      const bool own = std::any_of(prefix.changed.begin(), prefix.changed.end(),
                                   [id](const auto& change) { return change.second == id; });
      const Pushed others = own ? encode(prefix, id) : all;
      node_.clients().RunOn(id, [this, all, others](Session& session) {
        const bool no_loop = (session.state().tracking.load(kRelaxed) & kTrackNoLoop) != 0;
        const Pushed& keys = no_loop ? others : all;
        if (keys != nullptr) TellClient(session, 0, keys, true);
      });
    }
  }
}

}  // namespace henge::server
