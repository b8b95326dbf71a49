// SPDX-License-Identifier: Apache-2.0
// Awakener: serves the clients that wait for keys, when an execution has made such keys ready. One
// per worker, and per lane of a follower, for one thread at a time.
//
//   lock -> CompleteLocks -> run the command -> Serve -> unlock -> Settle
//
// The shards that waiters may need beside the writer's own (BLMOVE's destination, and what those
// who wait for it need in turn) are locked before the command runs. So what a writer pushes goes to
// the first who waits for it, in one step that nobody sees half done. Serve runs the waiting
// commands one after the other under these locks; serving may make further keys ready. Settle does
// what may not be done under locks: it sends the replies to the clients' workers and accounts for
// the calls. Where a waiter's shards are not all held after all (a transaction that reached into
// another database, a key that expired under the eyes of SCAN), its own worker looks again, with
// all locks (Recheck).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/reply_buffer.h"
#include "server/blocked_call.h"
#include "server/effect_recorder.h"
#include "store/keyspace.h"

namespace henge::server {

class Dispatcher;
class Node;

class Awakener {
 public:
  // `dispatcher`: the worker's; null for one that belongs to no worker.
  Awakener(Node& node, Dispatcher* dispatcher, store::LockSet& locks, EffectRecorder& effects);

  // REQUIRES: locked, nothing executed yet. Adds the shards needed by those who wait for `keys`:
  // the first `foreseen` of each, since more are seldom served at once.
  void CompleteLocks(DbIndex db, std::span<const store::Key> keys, size_t foreseen);
  // REQUIRES: locked. Serves who waits for what is ready now.
  void Serve(UnixMillis now);
  // REQUIRES: not locked.
  void Settle(UnixMillis now);
  bool unsettled() const {
    return !served_.empty() || !missed_.empty() || !elsewhere_.empty() || !ready_.empty();
  }
  // Serves, with all the locks it needs, a call that could not be served before: those who came
  // before it first. Its client is this worker's.
  // REQUIRES: not locked.
  void Retry(const std::shared_ptr<BlockedCall>& call, UnixMillis now);

 private:
  struct Served {
    std::shared_ptr<BlockedCall> call;
    proto::ReplyBuffer reply;
    std::string error;  // The reply's error code; empty if it is none.
    Lsn lsn = 0;        // Behind what it did.
  };
  using Shards = std::vector<ShardIndex>;

  Shards MissingShards(DbIndex db, std::span<const store::Key> keys, size_t foreseen);
  void ServeKey(const ReadyKeys::Ready& ready, UnixMillis now);
  void Offer(const std::shared_ptr<BlockedCall>& call, UnixMillis now);
  void Run(const std::shared_ptr<BlockedCall>& call, UnixMillis now);
  void Execute(BlockedCall& call, UnixMillis now, commands::ClientState& client, Served& served,
               bool& blocked);
  void LeaveQueues(BlockedCall& call);
  bool HoldsTargets(const BlockedCall& call) const;
  void Deliver(Served served);
  void ServeElsewhere(UnixMillis now);

  Node& node_;
  Dispatcher* const dispatcher_;
  store::LockSet& locks_;
  EffectRecorder& effects_;
  ReadyKeys& ready_;                                  // Of the effects.
  std::vector<Served> served_;                        // To be told when the locks are released.
  std::vector<std::shared_ptr<BlockedCall>> missed_;  // Their workers must look again.
  std::vector<ReadyKeys::Ready> elsewhere_;           // Ready, but not in a shard that was held.
};

}  // namespace henge::server
