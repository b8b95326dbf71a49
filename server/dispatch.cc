// SPDX-License-Identifier: Apache-2.0
#include "server/dispatch.h"

#include <utility>

#include "base/clock.h"
#include "base/prefetch.h"
#include "base/strings.h"
#include "commands/argument_sizes.h"
#include "commands/errors.h"
#include "commands/scripting/engine.h"
#include "commands/transactions/watch.h"
#include "server/access.h"
#include "server/node.h"
#include "server/session.h"
#include "store/value.h"

namespace henge::server {

using commands::ClientClass;
using commands::CommandContext;
using commands::CommandInfo;
using commands::QueuedCommand;
namespace errors = commands::errors;

namespace {

constexpr size_t kForeseenByExec = 16;  // Waiters on each key, whose locks are taken beforehand.

// For CLIENT LIST. What EXEC runs was remembered when it was queued.
void Remember(commands::ClientState& client, const CommandInfo& info) {
  client.last_command.store(info.spec, std::memory_order_relaxed);
  client.last_container.store(info.container, std::memory_order_relaxed);
}

// Whether the call has one of the flags; EXEC as its queue does.
bool Has(uint32_t flags, const commands::ClientState& client, const commands::CommandSpec& spec) {
  if ((spec.flags & commands::kLocksQueued) == 0) return (spec.flags & flags) != 0;
  return std::any_of(
      client.queue.begin(), client.queue.end(),
      [flags](const QueuedCommand& queued) { return (queued.spec->flags & flags) != 0; });
}

// Whether the command, or one of those that EXEC would run, lacks the flag.
bool Lacks(uint32_t flag, const commands::ClientState& client, const commands::CommandSpec& spec) {
  if ((spec.flags & flag) == 0) return true;
  return (spec.flags & commands::kLocksQueued) != 0 &&
         std::any_of(client.queue.begin(), client.queue.end(),
                     [flag](const auto& queued) { return (queued.spec->flags & flag) == 0; });
}

// Whether the call may change data.
bool MayWrite(const commands::ClientState& client, const commands::CommandSpec& spec) {
  return Has(commands::kWrite | commands::kMayReplicate, client, spec);
}

// Whether the call may change the value of its n-th key: it may only read it, or delete it.
bool ChangesKey(const commands::CommandSpec& spec, std::span<const std::string_view> argv,
                size_t n) {
  std::vector<commands::KeyPosition> positions;
  commands::FindKeys(spec, argv, positions);
  return n >= positions.size() || (positions[n].flags & (commands::kRO | commands::kRM)) == 0;
}

// RESP2 has no pushes: who has subscribed gets messages only, and may do little.
bool InSubscriberMode(const commands::ClientState& client) {
  return client.subscriber->subscribed() && client.protocol.load(std::memory_order_relaxed) == 2;
}

// Whether the collection's members can be hinted at.
bool HasMembersTable(const store::Entry& entry) {
  const bool large = entry.encoding() == store::Encoding::kHashtable ||
                     entry.encoding() == store::Encoding::kSkiplist;
  return large && store::OperationsOf(entry.type()).prefetch_bucket != nullptr;
}

}  // namespace

namespace {

// Makes the worker look which replies may go.
std::function<void()> ReleaseOn(Node& node, int worker_index) {
  return [&node, worker_index] {
    node.workers()[static_cast<size_t>(worker_index)]->Post([&node, worker_index] {
      node.dispatchers()[static_cast<size_t>(worker_index)]->ReleaseReplies();
    });
  };
}

}  // namespace

Dispatcher::Dispatcher(Node& node, int worker_index)
    : node_(node),
      table_(commands::CommandTable::Get()),
      stats_(table_.all().size()),
      effects_(stats_, node.effect_listener(),
               ChangeNews(node.news_wanted(), node.exchange(), node.tracking(), worker_index),
               node.settings()),
      commits_(node.journaling().gate(), persistence::CommitNeed(persistence::CommitMark::kDurable),
               ReleaseOn(node, worker_index)),
      followers_commits_(node.journaling().gate(),
                         persistence::CommitNeed(persistence::CommitMark::kReplicated),
                         ReleaseOn(node, worker_index)),
      // While data is loaded, what has expired stays until the log says that it is gone.
      upkeep_(
          node.store(), effects_, node.latency(),
          [&node] {
            return node.debug().pause_cron.load(std::memory_order_relaxed) ||
                   node.loader().loading();
          },
          worker_index, node.options().io_threads, [this] { ServeWaiters(); }),
      script_token_(node.store().script_token()),
      worker_index_(worker_index),
      locks_(node.store()),
      awakener_(node, this, locks_, effects_),
      script_engine_(std::make_unique<commands::scripting::Engine>(node.services().scripting())) {}

Dispatcher::~Dispatcher() = default;

// --- Passes one and two: resolve, hash, prefetch ---

namespace {

// One key many times over, as collections are used, is hashed once.
void AddKey(std::string_view bytes, std::vector<store::Key>& keys) {
  if (!keys.empty() && keys.back().bytes == bytes) {
    keys.push_back({bytes, keys.back().hash, keys.back().slot});
  } else {
    keys.push_back(store::Key::Of(bytes));
  }
}

}  // namespace

Dispatcher::Prepared Dispatcher::Prepare(std::span<const std::string_view> argv,
                                         std::vector<store::Key>& keys) {
  const auto [info, unknown_subcommand] = table_.Resolve(argv);
  Prepared p{info, unknown_subcommand, static_cast<uint32_t>(keys.size()), 0};
  if (info == nullptr || unknown_subcommand) return p;
  if (info->simple_single_key) {
    if (argv.size() > 1) AddKey(argv[1], keys);
  } else if (info->spec->keys[0].begin != commands::KeySpec::Begin::kNone) {
    positions_.clear();
    if (commands::FindKeys(*info->spec, argv, positions_)) {
      for (const auto& [index, flags] : positions_) {
        keys.push_back(store::Key::Of(argv[static_cast<size_t>(index)]));
        if ((flags & commands::kIncomplete) != 0) p.names_not_all = true;
      }
    }
  }
  p.key_count = static_cast<uint32_t>(keys.size()) - p.first_key;
  return p;
}

size_t Dispatcher::ExecuteBatch(Session& session, const net::Batch& batch) {
  if (serving_within_) return ExecuteWithin(session, batch);
  keys_.clear();
  prepared_.clear();
  for (size_t i = 0; i < batch.size(); ++i) prepared_.push_back(Prepare(batch.argv(i), keys_));
  if (batch.size() > 1) PrefetchAll(session, batch);

  now_ = session.connection().worker().round_time();
  lease_clock_ = 0;
  last_ticks_ = Ticks();
  session.state().last_interaction.store(now_, std::memory_order_relaxed);
  CountInRound(session.connection().worker(), batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    // By value: EXEC prepares its queue behind the batch's commands and may move them.
    const Prepared p = prepared_[i];
    wire_ = batch.wire(i);
    if (Run(session, p, batch.argv(i)) == Outcome::kHold) return i;
    if (session.connection().suspended() || session.state().close_after_reply) return i + 1;
  }
  return batch.size();
}

void Dispatcher::CountInRound(const net::Worker& worker, size_t commands) {
  const uint64_t round = worker.stats().rounds.get();
  if (round != round_) in_round_ = 0;
  round_ = round;
  in_round_ += commands;
  if (in_round_ > stats_.most_in_round.get()) stats_.most_in_round.Set(in_round_);
}

// Under the shard's lock, unless no other thread could change the table: no worker, no lane of a
// follower, no import of slots. A hint is not worth waiting for: a busy shard is passed over.
template <class F>
void Dispatcher::WithTable(const store::Key& key, DbIndex db, F hint) {
  store::Shard& shard = node_.store().shard(node_.store().ShardOf(key.slot));
  const bool alone = node_.workers().size() == 1 && !node_.replication().follows() &&
                     !node_.store().hidden().any();
  if (!alone && !shard.mu.try_lock()) return;
  if (store::ShardDb* part = shard.dbs[db].get()) hint(part->TableOf(key.slot));
  if (!alone) shard.mu.unlock();
}

void Dispatcher::PrefetchBucket(const store::Key& key, DbIndex db) {
  WithTable(key, db, [&](store::EntryTable& table) { table.Prefetch(key.hash); });
}

void Dispatcher::PrefetchEntry(const store::Key& key, DbIndex db) {
  WithTable(key, db, [&](store::EntryTable& table) { table.PrefetchItem(key.hash); });
}

void Dispatcher::PrefetchObject(const store::Key& key, DbIndex db, const uint64_t* member_hash) {
  WithTable(key, db, [&](store::EntryTable& table) {
    const store::Entry* entry = table.Likely(key.hash);
    if (entry == nullptr || !entry->is_collection()) return;
    const store::ValueOperations& operations = store::OperationsOf(entry->type());
    if (HasMembersTable(*entry) && member_hash != nullptr) {
      operations.prefetch_bucket(entry->encoding(), entry->object(), *member_hash);
    } else {
      PrefetchLine(entry->object());
      PrefetchLine(static_cast<const char*>(entry->object()) + 64);
    }
  });
}

void Dispatcher::PrefetchRecord(const store::Key& key, DbIndex db, uint64_t member_hash) {
  WithTable(key, db, [&](store::EntryTable& table) {
    const store::Entry* entry = table.Likely(key.hash);
    if (entry == nullptr || !entry->is_collection() || !HasMembersTable(*entry)) return;
    store::OperationsOf(entry->type())
        .prefetch_record(entry->encoding(), entry->object(), member_hash);
  });
}

void Dispatcher::PrefetchAll(Session& session, const net::Batch& batch) {
  const DbIndex db = session.state().db.load(std::memory_order_relaxed);
  // One key many times over, as collections are used, is hinted at once.
  const auto repeats = [&](size_t i) { return i > 0 && keys_[i].hash == keys_[i - 1].hash; };
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (!repeats(i)) PrefetchBucket(keys_[i], db);
  }
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (!repeats(i)) PrefetchEntry(keys_[i], db);
  }
  members_.clear();
  for (size_t i = 0; i < batch.size(); ++i) {
    const Prepared& p = prepared_[i];
    if (p.info == nullptr || !p.info->on_collection || p.key_count == 0) continue;
    const store::Key& key = keys_[p.first_key];
    const size_t member = p.info->spec->member;
    if (member == 0 || member >= batch.argv(i).size()) {
      if (!repeats(p.first_key)) PrefetchObject(key, db, nullptr);
    } else {
      members_.push_back({p.first_key, store::HashKey(batch.argv(i)[member])});
      PrefetchObject(key, db, &members_.back().hash);
    }
  }
  for (const Member& member : members_) PrefetchRecord(keys_[member.key], db, member.hash);
}

// --- Pass three ---

Dispatcher::Outcome Dispatcher::Run(Session& session, const Prepared& p,
                                    std::span<const std::string_view> argv) {
  commands::ClientState& client = session.state();
  const auto mark = session.reply().buffer().GetMark();
  const commands::ReplyMode mode = client.reply_mode;
  if (node_.news_wanted().tracking()) {
    node_.tracking().Limit(session.connection().worker().index());
  }
  const std::string_view refusal = Refusal(session, p, argv);
  const bool replica = client.client_class.load(std::memory_order_relaxed) == ClientClass::kReplica;
  bool silent = mode != commands::ReplyMode::kOn;
  if (!refusal.empty()) {
    if (IsOfTwoMinds(p, refusal)) {
      session.WaitForUnpause();
      return Outcome::kHold;
    }
    Refuse(session, p, argv, refusal);
  } else {
    if (Paused(client, *p.info->spec) && !ReadsOnly(*p.info->spec, argv)) {
      session.WaitForUnpause();
      return Outcome::kHold;
    }
    const uint32_t flags = p.info->spec->flags;
    if (!node_.journaling().has_room() && MayWrite(client, *p.info->spec)) {
      session.WaitForRoom();
      return Outcome::kHold;
    }
    if (client.in_multi.load(std::memory_order_relaxed) && (flags & commands::kRunsInMulti) == 0) {
      Queue(session, p, argv);
    } else {
      const bool pushes = (flags & commands::kRepliesByPush) != 0;
      silent = silent && !pushes;
      if (!pushes) executing_ = &session;
      const Outcome outcome = Call(session, p, argv);
      session.TakeMessages();  // What it has published, also to itself: behind its reply.
      executing_ = nullptr;
      if (outcome == Outcome::kHold) return outcome;
    }
  }
  if (awakener_.unsettled()) {
    awakener_.Settle(now_);
    last_ticks_ = Ticks();
  }
  if (client.asking != 0 && !client.in_multi.load(std::memory_order_relaxed)) --client.asking;
  if (replica) {
    session.EndIfAnswered(mark, p.info == nullptr ? "<unknown>" : p.info->full_name);
  } else if (silent && client.reply_mode != commands::ReplyMode::kOn) {
    session.reply().buffer().TruncateTo(mark);
  }
  if (session.has_deferred()) session.SendDeferred();
  EndCaching(client, p);
  if (client.reply_mode == commands::ReplyMode::kSkip) {
    client.reply_mode = commands::ReplyMode::kOn;
  } else if (client.reply_mode == commands::ReplyMode::kSkipNext) {
    client.reply_mode = commands::ReplyMode::kSkip;
  }
  return Outcome::kDone;
}

void Dispatcher::DeliverMessages() { node_.exchange().Drain(worker_index_); }

// CLIENT CACHING holds for the next command that is not CLIENT's, or for the next transaction.
void Dispatcher::EndCaching(commands::ClientState& client, const Prepared& p) {
  const uint32_t flags = client.tracking.load(std::memory_order_relaxed);
  if ((flags & commands::kTrackCaching) == 0) return;
  const bool is_client = p.info != nullptr && p.info->container != nullptr &&
                         p.info->spec->group == commands::Group::kConnection;
  if (is_client || client.in_multi.load(std::memory_order_relaxed)) return;
  client.tracking.store(flags & ~uint32_t{commands::kTrackCaching}, std::memory_order_relaxed);
}

void Dispatcher::TrackReads(const commands::ClientState& client, const commands::CommandSpec& spec,
                            std::span<const store::Key> keys) {
  if ((spec.flags & (commands::kReadonly | commands::kRunsScript)) != commands::kReadonly) return;
  if (client.tracking.load(std::memory_order_relaxed) == 0) return;
  node_.tracking().Remember(client, keys);
}

std::string_view Dispatcher::RefuseUnknown(const Prepared& p,
                                           std::span<const std::string_view> argv) {
  if (!IsHere(p)) {
    const commands::ArgReader args(argv.subspan(1), {});
    refusal_ = errors::UnknownCommand(argv[0], args);
    return refusal_;
  }
  const bool bare_container = p.info->container == nullptr && !p.info->spec->subcommands.empty() &&
                              p.info->spec->handler == nullptr;
  if (p.unknown_subcommand) {
    refusal_ = errors::UnknownSubcommand(argv[1], p.info->full_name);
    return refusal_;
  }
  const int arity = p.info->spec->arity;
  const int count = static_cast<int>(argv.size());
  if ((arity > 0 && count != arity) || count < -arity || bare_container) {
    refusal_ = errors::WrongArity(p.info->full_name);
    return refusal_;
  }
  return {};
}

std::string_view Dispatcher::Refusal(Session& session, const Prepared& p,
                                     std::span<const std::string_view> argv) {
  redirected_ = false;
  if (const auto text = RefuseUnknown(p, argv); !text.empty()) return text;
  const commands::ClientState& client = session.state();
  const uint32_t flags = p.info->spec->flags;
  if ((flags & commands::kProtected) != 0) {
    refusal_ = RefuseProtected(p.info->full_name, node_.parameters(), client);
    if (!refusal_.empty()) return refusal_;
  }
  if (!client.authenticated.load(std::memory_order_relaxed) && (flags & commands::kNoAuth) == 0) {
    return errors::kNoAuth;
  }
  if ((flags & commands::kNoMulti) != 0 && client.in_multi.load(std::memory_order_relaxed)) {
    return "ERR Command not allowed inside a transaction";
  }
  constexpr uint32_t kOnKeyspace = commands::kWrite | commands::kReadonly | commands::kMayReplicate;
  if ((flags & kOnKeyspace) != 0 && GetsStreamAlone(client)) return errors::kReplicaOnKeyspace;
  const int64_t longest = node_.settings().proto_max_bulk_len.load(std::memory_order_relaxed);
  if (longest > static_cast<int64_t>(commands::kLongestElement) &&
      commands::HasOverlongArgument(*p.info->spec, argv, KeysOf(p))) {
    return errors::kStringTooLong;
  }
  if ((flags & commands::kAllowBusy) == 0 && node_.store().busy().load(std::memory_order_relaxed)) {
    return node_.services().scripting().BusyText();
  }
  if (const auto text = RefuseBySlot(session, p); !text.empty()) return text;
  if (OutOfMemory(client, *p.info->spec)) return errors::kOutOfMemory;
  // What a script may write is refused where it does.
  constexpr uint32_t kNoWrites = commands::kPubSubCommand | commands::kRunsScript;
  const bool writes = MayWrite(client, *p.info->spec) && (flags & kNoWrites) == 0;
  if (writes || (flags & commands::kTellsIfUnsaved) != 0) {
    if (node_.saver().refuses_writes()) return errors::kCannotSave;
    if (!node_.journaling().healthy()) {
      refusal_ = "MISCONF Errors writing to the AOF file: " + node_.journaling().error_reason();
      return refusal_;
    }
  }
  const Replication& replication = node_.replication();
  const bool limited = replication.lease().limited();
  if (limited && Has(commands::kWrite, client, *p.info->spec) && Leaseless()) {
    return LeaselessText();
  }
  if (writes && node_.TooFewReplicas()) return errors::kTooFewReplicas;
  if (replication.refuses_writes() && Has(commands::kWrite, client, *p.info->spec)) {
    return errors::kReadOnlyReplica;
  }
  if ((flags & commands::kWhileSubscribed) == 0 && InSubscriberMode(client)) {
    refusal_ = errors::NotWhileSubscribed(p.info->full_name);
    return refusal_;
  }
  if (replication.refuses_reads() && Lacks(commands::kStale, client, *p.info->spec)) {
    return errors::kMasterDown;
  }
  return RefusedWhileLoading(client, p) ? errors::kLoading : std::string_view();
}

bool Dispatcher::RefusedWhileLoading(const commands::ClientState& client, const Prepared& p) const {
  const DatasetLoader& loader = node_.loader();
  if (loader.loads_aside() && Has(commands::kNoAsyncLoading, client, *p.info->spec)) return true;
  return loader.refuses() && Lacks(commands::kLoading, client, *p.info->spec) && !AsksOfCluster(p);
}

std::string_view Dispatcher::RefuseLocked(Session& session, const Prepared& p) {
  if (const auto text = RefuseBySlotLocked(session, p); !text.empty()) return text;
  const Replication& replication = node_.replication();
  const bool follows = replication.refuses_writes();
  if (!follows && !replication.lease().limited()) return {};
  if (!Has(commands::kWrite, session.state(), *p.info->spec)) return {};
  if (follows) return errors::kReadOnlyReplica;
  const bool plain = node_.options().in_group && !node_.options().cluster_enabled;
  return plain && Leaseless() ? LeaselessText() : "";
}

bool Dispatcher::Paused(const commands::ClientState& client,
                        const commands::CommandSpec& spec) const {
  const PauseState& pause = node_.pause();
  if (pause.stops_writes.load(std::memory_order_relaxed) && MayWrite(client, spec)) return true;
  if (node_.cluster() != nullptr && PausedBySlot(client, spec)) return true;
  if (pause.until.load(std::memory_order_relaxed) <= now_) return false;
  if (client.client_class.load(std::memory_order_relaxed) == commands::ClientClass::kReplica) {
    return false;
  }
  return pause.all.load(std::memory_order_relaxed) || MayWrite(client, spec);
}

bool Dispatcher::OutOfMemory(const commands::ClientState& client,
                             const commands::CommandSpec& spec) {
  out_of_memory_ = false;
  if (node_.store().settings().max_memory.load(std::memory_order_relaxed) == 0) return false;
  if (node_.loader().loading() || node_.store().settings().leave_eviction.load()) return false;
  // Any command makes room, as in Redis; those that need memory are refused where there is none.
  if (upkeep_.MakeRoom(now_)) return false;
  out_of_memory_ = true;
  bool needs_memory = (spec.flags & commands::kDenyOom) != 0;
  if (client.in_multi.load(std::memory_order_relaxed)) {
    if ((spec.flags & commands::kLocksQueued) != 0) {
      for (const QueuedCommand& queued : client.queue) {
        needs_memory = needs_memory || (queued.spec->flags & commands::kDenyOom) != 0;
      }
    } else {
      // A transaction's queue takes memory itself.
      needs_memory = needs_memory || (spec.flags & commands::kRunsInMulti) == 0;
    }
  }
  return needs_memory;
}

void Dispatcher::Refuse(Session& session, const Prepared& p, std::span<const std::string_view> argv,
                        std::string_view text) {
  commands::ClientState& client = session.state();
  std::string exec_text;
  if (p.info != nullptr && (p.info->spec->flags & commands::kLocksQueued) != 0) {
    // A transaction whose EXEC is refused is over, and the reply says why; a redirection stays as
    // it is, for clients to follow.
    commands::DropTransaction(client, node_.store(), locks_);
    if (!redirected_) {
      exec_text = errors::ExecAbort(text);
      text = exec_text;
    }
  } else if (client.in_multi.load(std::memory_order_relaxed)) {
    client.dirty_exec = true;
  }
  if (p.info != nullptr) stats_.by_command[static_cast<size_t>(p.info->index)].rejected.Add();
  if (!exec_text.empty() && node_.monitors().active()) {
    // The monitors saw MULTI; now they see that it is over.
    NoteForMonitors(client, p.info->spec->flags, argv);
    TellMonitors();
  }
  session.reply().Error(text);
  node_.server_stats().errors.Count(session.reply().last_error_code());
}

void Dispatcher::Queue(Session& session, const Prepared& p,
                       std::span<const std::string_view> argv) {
  commands::ClientState& client = session.state();
  Remember(client, *p.info);
  QueuedCommand queued{p.info->spec, {argv.begin(), argv.end()}};
  size_t bytes = sizeof(queued);
  for (const std::string_view arg : argv) bytes += sizeof(std::string) + arg.size();
  client.multi_bytes.fetch_add(bytes, std::memory_order_relaxed);
  client.queue.push_back(std::move(queued));
  if (node_.cluster() != nullptr)
    client.queued_slot = JoinSlots(client.queued_slot, SlotOf(KeysOf(p)));
  client.queued_commands.store(static_cast<int>(client.queue.size()), std::memory_order_relaxed);
  session.reply().Simple("QUEUED");
}

void Dispatcher::AddLocks(Session& session, const Prepared& p, store::LockSet& locks) {
  const uint32_t flags = p.info->spec->flags;
  if ((flags & commands::kLocksAll) != 0 || p.names_not_all) return locks.AddAll();
  for (const store::Key& key : KeysOf(p)) locks.Add(key.slot);
  if ((flags & commands::kLocksQueued) == 0) return;
  commands::ClientState& client = session.state();
  queued_keys_.clear();
  for (const auto& watched : client.watched) locks.Add(store::Key::Of(watched.key).slot);
  std::vector<std::string_view> argv;
  std::vector<store::Key> keys;
  for (const QueuedCommand& queued : client.queue) {
    if ((queued.spec->flags & (commands::kLocksAll | commands::kWalks)) != 0) {
      return locks.AddAll();
    }
    argv.assign(queued.args.begin(), queued.args.end());
    keys.clear();
    if (Prepare(argv, keys).names_not_all) return locks.AddAll();
    for (const store::Key& key : keys) locks.Add(key.slot);
    queued_keys_.insert(queued_keys_.end(), keys.begin(), keys.end());
  }
}

bool Dispatcher::Lock(Session& session, const Prepared& p, std::span<const std::string_view> argv) {
  AddLocks(session, p, locks_);
  const uint32_t flags = p.info->spec->flags;
  foreseen_ =
      (flags & commands::kRunsScript) != 0 && script_engine_->Foresee(*p.info->spec, argv[1]);
  if (!foreseen_ && RunsScript(session.state(), flags)) {
    holds_token_ = script_token_.lock_unless(node_.store().busy());
    if (!holds_token_) {
      Unlock();
      return false;
    }
  }
  if (!locks_.LockUnlessBusy()) {
    Unlock();
    return false;
  }
  if ((flags & commands::kReadonly) != 0) return true;
  const bool exec = (flags & commands::kLocksQueued) != 0;
  awakener_.CompleteLocks(session.state().db.load(std::memory_order_relaxed),
                          exec ? std::span<const store::Key>(queued_keys_) : KeysOf(p),
                          exec ? kForeseenByExec : argv.size());
  return true;
}

void Dispatcher::Unlock() {
  locks_.Unlock();
  if (std::exchange(holds_token_, false)) script_token_.unlock();
  if (std::exchange(foreseen_, false)) script_engine_->Forget();
}

bool Dispatcher::WaitsForSnapshot(Session& session, const Prepared& p,
                                  std::span<const std::string_view> argv) {
  const commands::ClientState& client = session.state();
  const bool exec = (p.info->spec->flags & commands::kLocksQueued) != 0;
  const std::span<const store::Key> keys =
      exec ? std::span<const store::Key>(queued_keys_) : KeysOf(p);
  const DbIndex db = client.db.load(std::memory_order_relaxed);
  for (size_t i = 0; i < keys.size(); ++i) {
    store::Shard& shard = node_.store().shard(node_.store().ShardOf(keys[i].slot));
    store::ShardDb* part = shard.snapshot == nullptr ? nullptr : shard.dbs[db].get();
    if (part == nullptr || !MayWrite(client, *p.info->spec)) continue;
    store::Entry* entry = part->TableOf(keys[i].slot).Find(keys[i].bytes, keys[i].hash);
    if (entry == nullptr || !shard.snapshot->IsHeld(shard, *entry)) continue;
    if (!exec && !ChangesKey(*p.info->spec, argv, i)) continue;
    shard.snapshot->Await(shard, *part, *entry, session.HoldBack());
    return true;
  }
  return false;
}

std::vector<store::Key> Dispatcher::QueuedKeys(const commands::ClientState& client) {
  std::vector<store::Key> keys;
  std::vector<std::string_view> argv;
  for (const QueuedCommand& queued : client.queue) {
    argv.assign(queued.args.begin(), queued.args.end());
    Prepare(argv, keys);
  }
  return keys;
}

bool Dispatcher::WaitsForMove(Session& session, const Prepared& p) {
  KeyMover& mover = node_.key_mover();
  const commands::CommandSpec& spec = *p.info->spec;
  if (!mover.active() || (spec.flags & commands::kReadonly) != 0) return false;
  const commands::ClientState& client = session.state();
  const DbIndex db = client.db.load(std::memory_order_relaxed);
  const bool exec = (spec.flags & commands::kLocksQueued) != 0;
  const std::vector<store::Key> queued = exec ? QueuedKeys(client) : std::vector<store::Key>();
  for (const store::Key& key : exec ? std::span<const store::Key>(queued) : KeysOf(p)) {
    if (!mover.IsMoving(db, key.bytes)) continue;
    mover.Await(db, key.bytes, session.HoldBack());
    return true;
  }
  return false;
}

Lsn Dispatcher::RunUnderLocks(
    std::span<const store::Key> keys, DbIndex db,
    absl::FunctionRef<std::vector<std::string_view>(store::Keyspace&)> fn) {
  now_ = SystemClock().NowMillis();
  for (const store::Key& key : keys) locks_.Add(key.slot);
  locks_.Lock();
  awakener_.CompleteLocks(db, keys, kForeseenByExec);
  store::Keyspace keyspace(node_.store(), locks_, effects_, db, now_);
  effects_.OpenUnit();
  const std::vector<std::string_view> words = fn(keyspace);
  if (!words.empty()) {
    effects_.EndCall({.db = db, .argv = words, .keys = keys},
                     commands::CallEffects(effects_.wanted()));
  }
  effects_.CloseUnit();
  const Lsn lsn = effects_.last_lsn();
  if (!effects_.ready().empty()) awakener_.Serve(now_);
  Unlock();
  ServeWaiters();
  return lsn;
}

Dispatcher::Outcome Dispatcher::Call(Session& session, const Prepared& p,
                                     std::span<const std::string_view> argv) {
  commands::ClientState& client = session.state();
  const commands::CommandSpec& spec = *p.info->spec;
  Remember(client, *p.info);
  const uint64_t errors_before = session.reply().errors();

  if (!Lock(session, p, argv)) {
    Refuse(session, p, argv, node_.services().scripting().BusyText());
    return Outcome::kDone;
  }
  if (const auto text = RefuseLocked(session, p); !text.empty()) {
    Unlock();
    Refuse(session, p, argv, text);
    return Outcome::kDone;
  }
  if (WaitsForSnapshot(session, p, argv) || WaitsForMove(session, p)) {
    Unlock();
    return Outcome::kHold;
  }
  store::Keyspace keyspace(node_.store(), locks_, effects_,
                           client.db.load(std::memory_order_relaxed), now_);
  keyspace.set_no_touch(client.no_touch.load(std::memory_order_relaxed));
  commands::ArgReader args(argv.subspan(p.info->container == nullptr ? 1 : 2), KeysOf(p));
  CommandContext context{client, session.reply(), keyspace, node_.services(), spec, argv};
  context.effects = commands::CallEffects(effects_.wanted());
  // What a walk deletes on its way is told at once: it holds no lock but that shard's.
  if ((spec.flags & commands::kWalks) == 0) effects_.OpenUnit();
  const uint64_t changes_before = effects_.changes();
  const Lsn lsn_before = effects_.last_lsn();
  if ((spec.flags & commands::kRunsScript) != 0 && node_.monitors().active()) {
    NoteForMonitors(client, 0, argv);  // Before the commands that it runs.
  }
  effects_.news().set_client(client.id);
  spec.handler(context, args);
  TrackReads(client, spec, KeysOf(p));
  const bool runs_others = (spec.flags & (commands::kLocksQueued | commands::kRunsScript)) != 0;
  if ((effects_.changes() != changes_before || context.effects.always()) && !runs_others) {
    effects_.EndCall({.db = keyspace.db(),
                      .argv = argv,
                      .keys = KeysOf(p),
                      .wire = wire_,
                      .names_not_all = p.names_not_all},
                     context.effects);
  }
  effects_.CloseUnit();
  if (effects_.last_lsn() != lsn_before) session.NoteWrite(effects_.last_lsn());
  uint64_t ended = 0;
  if (context.blocked) session.blocked_call()->ticks += Ticks() - last_ticks_;
  if (!effects_.ready().empty()) {
    ended = Ticks();  // Serving others is none of this call's time.
    awakener_.Serve(now_);
  }
  effects_.news().set_client(0);
  Unlock();

  if (node_.monitors().active()) {
    if (!session.exec_parked()) NoteForMonitors(client, spec.flags, Shown(context));
    TellMonitors();
  }
  if (session.exec_parked()) return Outcome::kDone;  // The last of its parts is accounted for.
  if (ended == 0) ended = Ticks();
  const bool failed = session.reply().errors() != errors_before;
  const uint64_t ticks = ended - last_ticks_;
  last_ticks_ = ended;
  if (context.blocked) return Outcome::kDone;  // Accounted for when it is over.
  Account({client, *p.info, ticks, failed, failed ? session.reply().last_error_code() : ""},
          [&] { return Shown(context); });
  return Outcome::kDone;
}

void Dispatcher::NoteForMonitors(const commands::ClientState& client, uint32_t flags,
                                 std::span<const std::string_view> argv) {
  if ((flags & (commands::kSkipMonitor | commands::kAdmin)) != 0) return;
  AppendMonitorLine(SystemClock().NowMicros(), client.db.load(std::memory_order_relaxed),
                    MonitorSource(client), argv, monitor_lines_);
}

void Dispatcher::TellMonitors() {
  if (monitor_lines_.empty()) return;
  node_.monitors().Publish(monitor_lines_);
  monitor_lines_.clear();
}

void Dispatcher::Account(const Ended& ended,
                         absl::FunctionRef<std::vector<std::string_view>()> shown) {
  const auto& [client, info, ticks, failed, error] = ended;
  const uint64_t us = TicksToMicros(ticks);
  CommandCounters& counters = stats_.by_command[static_cast<size_t>(info.index)];
  counters.Record(ticks, us);
  stats_.commands.Add();
  stats_.ticks.Add(ticks);
  if (failed) counters.failed.Add();
  if (!error.empty()) node_.server_stats().errors.Count(error);
  if (node_.slowlog().IsSlow(us) && (info.spec->flags & commands::kSkipSlowlog) == 0) {
    node_.slowlog().Enter(shown(), us, now_ / 1000, client);
  }
  if (node_.latency().IsSlow(us)) {
    const bool fast = (info.spec->flags & commands::kFast) != 0;
    node_.latency().Add(fast ? "fast-command" : "command", us, now_ / 1000);
  }
  if (us > 1000) now_ = SystemClock().NowMillis();  // A slow command: the batch's time is stale.
}

// --- Clients that wait for keys ---

void Dispatcher::AccountBlocked(const BlockedCall& call, std::string_view error) {
  commands::ClientState client;
  call.Impersonate(client);
  Account({client, call.info(), call.ticks, !error.empty(), error},
          [&] { return std::vector<std::string_view>(call.argv().begin(), call.argv().end()); });
}

void Dispatcher::Retry(const std::shared_ptr<BlockedCall>& call, UnixMillis now) {
  now_ = now;
  awakener_.Retry(call, now);
}

void Dispatcher::ReleaseReplies() {
  const auto release = [this](uint64_t client) {
    if (Session* session = node_.clients().Find(client)) session->ReleaseReplies();
  };
  commits_.Release(release);
  followers_commits_.Release(release);
}

void Dispatcher::ServeWaiters() {
  node_.journaling().WakeReaders();
  if (!awakener_.unsettled()) return;
  now_ = SystemClock().NowMillis();
  awakener_.Settle(now_);
}

}  // namespace henge::server
