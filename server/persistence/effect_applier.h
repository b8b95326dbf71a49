// SPDX-License-Identifier: Apache-2.0
// EffectApplier: does again what effects tell: those of an append-only file, or a leader's.
//
// A command at a time, by the rows' own handlers, under the locks of its keys; nobody hears of it.
// What has expired stays until an effect deletes it. One thread at a time; several appliers may be
// at work at once.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "commands/client_state.h"
#include "commands/command_table.h"
#include "proto/reply_buffer.h"
#include "proto/reply_writer.h"
#include "store/keyspace.h"
#include "store/unheard.h"

namespace henge::commands::scripting {
class Engine;
struct ScriptRun;
}  // namespace henge::commands::scripting

namespace henge::server {

class Node;

class EffectApplier {
 public:
  // A command whose row and keys are known.
  struct Call {
    const commands::CommandInfo* info = nullptr;
    std::span<const std::string_view> words;
    std::span<const store::Key> keys;
    DbIndex db = 0;
    // It may touch more than its keys: every shard is locked, or it walks by itself.
    bool touches_all = false;
  };

  // `held`: every shard is locked already, by whom; else each command locks what it needs.
  // `sink` hears of the changes; null: nobody.
  explicit EffectApplier(Node& node, const store::LockSet* held = nullptr,
                         store::EffectSink* sink = nullptr);
  ~EffectApplier();

  // What the command is; its keys are appended to `keys`, and those of the call are yet to be set.
  // The status says that it is unknown, or what is wrong with it.
  absl::StatusOr<Call> Prepare(std::span<const std::string_view> command,
                               std::vector<store::Key>& keys);
  // kFailedPrecondition: its handler refused it.
  absl::Status Run(const Call& call);
  // The database that a SELECT has left selected.
  DbIndex db() const { return client_.db.load(std::memory_order_relaxed); }
  void Select(DbIndex db) { client_.db.store(db, std::memory_order_relaxed); }
  // What the calls to come take for the time; 0: the clock's.
  void set_now(UnixMillis now) { now_ = now; }
  // Both, in that database.
  absl::Status Apply(std::span<const std::string_view> command);

  // --- Scripts, which logs of older servers hold
  // -------------------------------------------------- The applier that runs a command on this
  // thread, or null.
  static EffectApplier* Running();
  commands::scripting::Engine& script_engine();
  // A command that the script calls: see ScriptHost::RunCommand.
  std::string_view RunScripted(commands::scripting::ScriptRun& run,
                               std::span<const std::string_view> command,
                               proto::ReplyWriter& reply);

 private:
  void Execute(const Call& call, const store::LockSet& locks, proto::ReplyWriter& reply);

  Node& node_;
  const store::LockSet* const held_;
  store::Unheard unheard_;
  store::EffectSink& sink_;
  commands::ClientState client_;
  proto::ReplyBuffer replies_;
  proto::ReplyWriter writer_;
  std::vector<commands::KeyPosition> positions_;
  std::vector<store::Key> keys_;
  std::unique_ptr<commands::scripting::Engine> script_engine_;
  UnixMillis now_ = 0;
  const store::LockSet* locked_ = nullptr;  // By whom, while a command runs.
  std::vector<store::Key> scripted_keys_;
  std::string scripted_refusal_;
};

}  // namespace henge::server
