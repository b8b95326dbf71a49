// SPDX-License-Identifier: Apache-2.0
// Dispatcher: from parsed commands to replies. One per worker, used by its thread alone.
//
// A batch goes through three passes, so that memory is on its way while other commands are looked
// at: resolve and hash every command and prefetch its bucket; prefetch its entry; then, in order,
// gate, lock, execute. The gate is one list of checks that reads flags and key specs, never a
// command's name.
#pragma once

#include <absl/functional/function_ref.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"
#include "commands/context.h"
#include "net/handler.h"
#include "persistence/journal/commit_gate.h"
#include "server/awakener.h"
#include "server/command_stats.h"
#include "server/effect_recorder.h"
#include "server/slot_gate.h"
#include "server/upkeep.h"
#include "store/keyspace.h"

namespace henge::commands::scripting {
class Engine;
struct ScriptRun;
}  // namespace henge::commands::scripting

namespace henge::server {

class Node;
class Session;

class Dispatcher {
 public:
  Dispatcher(Node& node, int worker_index);
  ~Dispatcher();

  // Returns how many commands were taken; see net::ConnectionHandler.
  size_t ExecuteBatch(Session& session, const net::Batch& batch);
  // Hints, a little before the key is used: the second once what the first asked for may be there.
  void PrefetchBucket(const store::Key& key, DbIndex db);
  void PrefetchEntry(const store::Key& key, DbIndex db);
  // How EXEC runs its queue; see exec.cc.
  void RunQueued(commands::CommandContext& exec, commands::QueuedCommand& command);
  // The worker's thread, outside of commands. Runs what a parked EXEC has left, which may park it
  // again. False if that must wait, as new commands do.
  bool GoOnWithExec(Session& session);
  // See ScriptHost::RunCommand.
  std::string_view RunScripted(commands::scripting::ScriptRun& run,
                               std::span<const std::string_view> argv, proto::ReplyWriter& reply);
  commands::scripting::Engine& script_engine() { return *script_engine_; }
  // Serves who must be heard while a script holds up this worker, or a lock it waits for.
  void ServeWithin();
  bool waits_for_script() const;
  // Whether memory was short when the present call began.
  bool out_of_memory() const { return out_of_memory_; }

  // A call that was blocked on keys is over; `error` is its reply's error code, if it is one.
  void AccountBlocked(const BlockedCall& call, std::string_view error);
  // See Awakener::Retry.
  void Retry(const std::shared_ptr<BlockedCall>& call, UnixMillis now);
  // Holds the client's replies until what was journaled before `lsn` is as safe as it must be.
  persistence::CommitQueue& commits() { return commits_; }
  // The same, until in-sync followers have it.
  persistence::CommitQueue& followers_commits() { return followers_commits_; }
  // The worker's thread: sends what may go now.
  void ReleaseReplies();
  // The worker's thread, outside of commands: runs `fn` with the keys' shards locked. What it
  // changed is told as the command that it returns, in views that outlive the call. The LSN behind.
  Lsn RunUnderLocks(std::span<const store::Key> keys, DbIndex db,
                    absl::FunctionRef<std::vector<std::string_view>(store::Keyspace&)> fn);
  // The same of all databases, as FLUSHALL, if this node leads its group; whether it does.
  bool EmptyIfLeading();
  // After mutations outside of commands: serves who waits for what they made ready.
  void ServeWaiters();

  const ExecutionStats& stats() const { return stats_; }
  EffectRecorder& effects() { return effects_; }
  Upkeep& upkeep() { return upkeep_; }
  // Whether the session's own command is under way, which replies before it is pushed anything.
  bool defers_pushes(const Session& session) const { return executing_ == &session; }
  // What was published so far goes to this worker's subscribers.
  void DeliverMessages();

 private:
  // A command looked up and its keys worked out.
  struct Prepared {
    const commands::CommandInfo* info = nullptr;
    bool unknown_subcommand = false;
    uint32_t first_key = 0;
    uint32_t key_count = 0;
    bool names_not_all = false;  // It may come to any key: it holds every shard.
  };
  enum class Outcome : uint8_t { kDone, kHold };  // kHold: not taken; the connection waits.

  Prepared Prepare(std::span<const std::string_view> argv, std::vector<store::Key>& keys);
  std::span<const store::Key> KeysOf(const Prepared& p) const {
    return std::span(keys_).subspan(p.first_key, p.key_count);
  }
  template <class F>
  void WithTable(const store::Key& key, DbIndex db, F hint);
  void PrefetchAll(Session& session, const net::Batch& batch);
  // The value behind an entry that has come, if it is a collection: its object, and in it the
  // member's bucket; then the member's record.
  void PrefetchObject(const store::Key& key, DbIndex db, const uint64_t* member_hash);
  void PrefetchRecord(const store::Key& key, DbIndex db, uint64_t member_hash);
  void CountInRound(const net::Worker& worker, size_t commands);
  Outcome Run(Session& session, const Prepared& p, std::span<const std::string_view> argv);
  // The gate: the refusal's text, or empty to go on.
  std::string_view Refusal(Session& session, const Prepared& p,
                           std::span<const std::string_view> argv);
  std::string_view RefuseUnknown(const Prepared& p, std::span<const std::string_view> argv);
  // The slot check of cluster mode; sets `redirected_` when it refuses.
  std::string_view RefuseBySlot(Session& session, const Prepared& p);
  // The same again once the keys' shards are locked: the slot may have come to be on its way, and
  // then it matters which keys are here.
  std::string_view RefuseBySlotLocked(Session& session, const Prepared& p);
  // What may have changed while a call waited for its locks: the slot, or this node's role.
  std::string_view RefuseLocked(Session& session, const Prepared& p);
  bool IsSettled(int slot, bool leaseless) const;
  // Whether this node knows the command: SENTINEL is a group's without shards alone.
  bool IsHere(const Prepared& p) const;
  std::string_view RefuseUnsettled(const commands::ClientState& client, const Prepared& p);
  // Locks for the moment what is not locked.
  KeysHere CountHere(const commands::ClientState& client, const Prepared& p);
  KeysHere CountKeys(std::span<const store::Key> keys, DbIndex db) const;
  // Whether this node leads a group, and may not write or answer for it now. By a clock read once
  // for a batch; see WriteLease.
  bool Leaseless();
  // Whether it needs no data: what a follower in a cluster answers while it takes in its leader's.
  bool AsksOfCluster(const Prepared& p) const;
  bool RefusedWhileLoading(const commands::ClientState& client, const Prepared& p) const;
  // What a write is told then.
  std::string_view LeaselessText();
  // Whether who is refused should wait: a slot is this node's by the topology, and its data is not
  // yet, or not any more, what the node leads; or, without keys, the node does not know yet what it
  // is. For two seconds at most.
  bool IsOfTwoMinds(const Prepared& p, std::string_view refusal);
  // Whether CLIENT PAUSE, or a hand-over, holds the command back.
  bool Paused(const commands::ClientState& client, const commands::CommandSpec& spec) const;
  // The same, because its slot is handed over.
  bool PausedBySlot(const commands::ClientState& client, const commands::CommandSpec& spec) const;
  // Whether memory is short, as far as this command cares.
  bool OutOfMemory(const commands::ClientState& client, const commands::CommandSpec& spec);
  void Refuse(Session& session, const Prepared& p, std::span<const std::string_view> argv,
              std::string_view text);
  void Queue(Session& session, const Prepared& p, std::span<const std::string_view> argv);
  void EndCaching(commands::ClientState& client, const Prepared& p);
  // What a client that caches has read is remembered. REQUIRES: the keys' shards are locked.
  void TrackReads(const commands::ClientState& client, const commands::CommandSpec& spec,
                  std::span<const store::Key> keys);
  void AddLocks(Session& session, const Prepared& p, store::LockSet& locks);
  // Locks all that the call needs, and those who wait for what it may change.
  // False where a script is busy with one of them.
  bool Lock(Session& session, const Prepared& p, std::span<const std::string_view> argv);
  void Unlock();
  // Whether it is a script that says it does not write, so that a pause of writes lets it pass.
  bool ReadsOnly(const commands::CommandSpec& spec, std::span<const std::string_view> argv) const;
  // Of commands that come in ServeWithin.
  size_t ExecuteWithin(Session& session, const net::Batch& batch);
  void RunWithin(Session& session, std::span<const std::string_view> argv);
  Outcome Call(Session& session, const Prepared& p, std::span<const std::string_view> argv);
  // REQUIRES: locked. Whether the call would change a large value that a snapshot is yet to save;
  // if so, the session waits until that is done.
  bool WaitsForSnapshot(Session& session, const Prepared& p,
                        std::span<const std::string_view> argv);
  // The same for a key that MIGRATE has sent and not deleted yet.
  bool WaitsForMove(Session& session, const Prepared& p);
  // All that a client's queued commands name.
  std::vector<store::Key> QueuedKeys(const commands::ClientState& client);
  // Of a call that a script makes.
  std::string_view RefuseScripted(const commands::scripting::ScriptRun& run, const Prepared& p,
                                  std::span<const std::string_view> argv);
  std::string_view RefuseScriptedBySlot(commands::scripting::ScriptRun& run, const Prepared& p,
                                        std::span<const store::Key> keys);
  struct ScriptedSlot {
    int slot;
    bool leaseless;
  };
  std::string RefuseScriptedUnsettled(const commands::scripting::ScriptRun& run, const Prepared& p,
                                      std::span<const store::Key> keys, const ScriptedSlot& asked);
  bool LockScripted(const Prepared& p, std::span<const store::Key> keys);
  // Whether the call, or what EXEC runs, is a script.
  bool RunsScript(const commands::ClientState& client, uint32_t flags) const;
  // The arguments as others may see them.
  static std::vector<std::string_view> Shown(const commands::CommandContext& context);
  // What statistics, the slow log and the latency monitor are told of a call that is over.
  struct Ended {
    const commands::ClientState& client;
    const commands::CommandInfo& info;
    uint64_t ticks;
    bool failed;
    std::string_view error;  // Its reply's error code; empty if it failed elsewhere first.
  };
  void Account(const Ended& ended, absl::FunctionRef<std::vector<std::string_view>()> shown);
  // Adds the command to what this call tells the monitors when its locks are released.
  void NoteForMonitors(const commands::ClientState& client, uint32_t flags,
                       std::span<const std::string_view> argv);
  void TellMonitors();

  Node& node_;
  const commands::CommandTable& table_;
  ExecutionStats stats_;
  EffectRecorder effects_;
  persistence::CommitQueue commits_;
  persistence::CommitQueue followers_commits_;
  Upkeep upkeep_;
  SpinFutexMutex& script_token_;
  bool holds_token_ = false;
  bool foreseen_ = false;  // The script under way is proven to touch only its keys.
  bool serving_within_ = false;
  const int worker_index_;
  store::LockSet locks_;
  Awakener awakener_;
  std::unique_ptr<commands::scripting::Engine> script_engine_;
  std::vector<store::Key> scripted_keys_;
  std::vector<Prepared> prepared_;
  std::vector<store::Key> keys_;
  struct Member {
    uint32_t key;  // In keys_.
    uint64_t hash;
  };
  std::vector<Member> members_;  // Of the batch, that will be looked for.
  std::vector<commands::KeyPosition> positions_;
  std::vector<store::Key> queued_keys_;  // Of the transaction that EXEC is about to run.
  std::string_view wire_;                // Of the command under way: as it came, or empty.
  std::string refusal_;
  std::string monitor_lines_;  // Of the commands of this call.
  bool redirected_ = false;    // The last refusal was the slot check's.
  int slot_ = -1;              // Of the command under way, as the slot check sees it.
  bool out_of_memory_ = false;
  const Session* executing_ = nullptr;  // Whose command is under way; null if it replies by pushes.
  UnixMillis now_ = 0;
  UnixMillis minds_since_ = 0;  // The first time of those in a row,
  UnixMillis last_minds_ = 0;   // and the last.
  int64_t lease_clock_ = 0;     // Monotonic microseconds, of this batch; 0: not read yet.
  uint64_t last_ticks_ = 0;
  uint64_t round_ = 0;  // The worker's, in which there were so many commands until now.
  uint64_t in_round_ = 0;
};

}  // namespace henge::server
