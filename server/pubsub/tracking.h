// SPDX-License-Identifier: Apache-2.0
// Tracking: which clients may have cached which keys, and who tells them when a key changes.
//
// The table of tracked reads is sharded like the store, and each part is guarded by its shard's
// lock, which reader and writer hold anyway. A key that changes is forgotten with all who read it;
// each is told by its own worker, through a mailbox unless that is the writer's. Who broadcasts
// is told once per round of all keys that begin with its prefixes.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/inlined_vector.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "commands/services.h"
#include "server/pubsub/change_news.h"
#include "store/key.h"

namespace henge::server {

class Node;
class Session;

class Tracking final : public commands::TrackingService {
 public:
  explicit Tracking(Node& node);

  // --- The client's worker's thread -------------------------------------------------------------
  void TurnOn(commands::ClientState& client, uint32_t flags, ClientId redirect,
              const std::vector<std::string>& prefixes) override;
  void TurnOff(commands::ClientState& client) override;
  // The client read these keys. REQUIRES: it tracks; the locks of their shards are held.
  void Remember(const commands::ClientState& client, std::span<const store::Key> keys);

  // --- A worker's thread ------------------------------------------------------------------------
  // REQUIRES: the key's shard is locked. `by`: who changed it, or 0.
  void OnChange(int worker, ClientId by, const store::Key& key);
  // REQUIRES: all shards are locked.
  void OnFlush(int worker);
  // Forgets keys beyond tracking-table-max-keys. REQUIRES: no shard is locked.
  void Limit(int worker);

  // --- Any thread -------------------------------------------------------------------------------
  size_t clients() const { return clients_.load(std::memory_order_relaxed); }
  size_t keys() const { return keys_.load(std::memory_order_relaxed); }
  size_t items() const { return items_.load(std::memory_order_relaxed); }
  size_t prefixes() const { return prefix_count_.load(std::memory_order_relaxed); }

 private:
  // A client's id and its worker in one number.
  using Reader = uint64_t;
  static constexpr int kWorkerBits = 10;
  using Readers = absl::InlinedVector<Reader, 2>;
  using Part = StringMap<Readers>;
  using Pushed = std::shared_ptr<const std::string>;  // The array of keys; null: all.
  struct Prefix {
    std::vector<ClientId> clients;
    absl::btree_map<std::string, ClientId> changed;  // In this round, and by whom.
  };

  bool OverLimit() const;
  void Tell(int worker, ClientId by, const Readers& readers, std::string_view key);
  // On the client's worker. `by` is 0 if it is to be told in any case.
  void TellClient(Session& session, ClientId by, const Pushed& keys, bool broadcast);
  void Send(Session& session, const Pushed& keys, bool redirected);
  void NoteForBroadcast(int worker, ClientId by, std::string_view key);
  void Broadcast();
  void ForgetOne(int worker, Part& part);
  void LeavePrefixes(commands::ClientState& client);

  Node& node_;
  std::vector<Part> parts_;  // By shard.
  std::atomic<size_t> clients_{0};
  std::atomic<size_t> keys_{0};
  std::atomic<size_t> items_{0};
  std::atomic<size_t> prefix_count_{0};
  std::mutex mu_;  // Guards the following; a leaf.
  absl::btree_map<std::string, Prefix> prefixes_;
  bool broadcast_posted_ = false;
};

}  // namespace henge::server
