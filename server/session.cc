// SPDX-License-Identifier: Apache-2.0
#include "server/session.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "commands/connection/client_line.h"
#include "commands/errors.h"
#include "commands/pubsub/handlers.h"
#include "commands/transactions/watch.h"
#include "net/worker.h"
#include "server/blocked_call.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/slots/slot_pause.h"

namespace henge::server {
namespace {

constexpr std::string_view kQueryBuffer = "query buffer";
// Redis's clients have a buffer of this size that no limit counts.
constexpr uint64_t kUnlimitedReply = 16 * 1024;
// Messages of this size for several subscribers are not copied behind what one has yet to get.
constexpr size_t kShareFrom = 512;

// Writes the end of a blocked command as a reply.
constexpr int64_t kRoomCheckMs = 2;
constexpr int64_t kPeersWaitMs = 100;

// Whether the reply to a call that waited is on its way: pushes come behind it.
bool Served(const std::shared_ptr<BlockedCall>& call) { return call != nullptr && call->done(); }

class BlockedEnd final : public commands::BlockedReply {
 public:
  BlockedEnd(proto::ReplyWriter& reply, bool by_error) : reply_(reply), by_error_(by_error) {}
  bool by_error() const override { return by_error_; }
  void Integer(int64_t value) override { reply_.Integer(value); }
  void NullArray() override { reply_.NullArray(); }
  void Ok() override { reply_.Ok(); }
  void Simple(std::string_view text) override { reply_.Simple(text); }
  void Error(std::string_view text) override { reply_.Error(text); }
  void Integers(const std::vector<int64_t>& values) override {
    reply_.Array(values.size());
    for (const int64_t value : values) reply_.Integer(value);
  }

 private:
  proto::ReplyWriter& reply_;
  bool by_error_;
};

}  // namespace

Session::Session(Node& node, Dispatcher& dispatcher, net::Connection& connection)
    : pubsub::Subscriber(connection.worker().index()),
      node_(node),
      dispatcher_(dispatcher),
      connection_(connection),
      state_(*this),
      reply_(connection.out()) {
  state_.id = node.clients().NextId();
  state_.subscriber = this;
  state_.address = connection.address();
  state_.local_address = connection.local_address();
  state_.fd = connection.fd();
  state_.unix_socket = connection.unix_socket();
  state_.created_at = SystemClock().NowMillis();
  state_.last_interaction.store(state_.created_at, std::memory_order_relaxed);
  state_.authenticated.store(node.parameters().requirepass.load().empty(),
                             std::memory_order_relaxed);
  CountMemory();
  node.clients().Add(state_.id, this);
  LogVerbose("Accepted", {{"id", state_.id}, {"addr", state_.address}});
}

Session::~Session() {
  LogVerbose("Client closed connection", {{"id", state_.id}, {"addr", state_.address}});
  if (state_.client_class.load(std::memory_order_relaxed) == commands::ClientClass::kReplica) {
    node_.replication().OnClosed(state_.id);
  }
  node_.exchange().UnsubscribeAll(*this);
  node_.tracking().TurnOff(state_);
  node_.clients().Remove(state_.id);
  node_.client_eviction().Note(-counted_);
  if (state_.monitor.load(std::memory_order_relaxed)) node_.monitors().Remove(*this);
  StopTimer();
  if (blocked_call_ != nullptr) {
    blocked_call_->End();
    LeaveQueues(*blocked_call_);
  }
  commands::ForgetWatches(state_, node_.store());
}

void Session::Foresee(std::string_view bytes) {
  const std::string_view key = proto::PeekFirstArgument(bytes);
  foreseen_ = key.empty() ? store::Key() : store::Key::Of(key);
  if (!key.empty())
    dispatcher_.PrefetchBucket(foreseen_, state_.db.load(std::memory_order_relaxed));
}

void Session::ForeseeMore() {
  if (foreseen_.bytes.empty()) return;
  dispatcher_.PrefetchEntry(foreseen_, state_.db.load(std::memory_order_relaxed));
  foreseen_ = {};
}

size_t Session::Execute(const net::Batch& batch) {
  TakeMessages();
  size_t taken = 0;
  RunAndHold([&] { taken = dispatcher_.ExecuteBatch(*this, batch); });
  return taken;
}

void Session::RunAndHold(absl::FunctionRef<void()> run) {
  const Lsn before = dispatcher_.effects().last_lsn();
  const uint64_t joins_before = joins();
  run();
  if (joins() != joins_before) HoldUntilPeersKnow();
  if (const Lsn lsn = dispatcher_.effects().last_lsn(); lsn != before) {
    node_.journaling().WakeReaders();
    HoldReplies(lsn);
  }
  if (state_.close_after_reply) connection_.CloseAfterFlush();
  if (OverLimits()) connection_.worker().Close(connection_);  // Not sent: it would not be read.
}

void Session::OnProtocolError(std::string_view text) {
  reply_.Error(text);
  connection_.CloseAfterFlush();
}

proto::ParserLimits Session::Limits() const {
  return {.max_bulk = node_.settings().proto_max_bulk_len.load(std::memory_order_relaxed),
          .authenticated = state_.authenticated.load(std::memory_order_relaxed)};
}

bool Session::OverLimits() {
  if (over_limit_) return true;  // Told before.
  const std::string_view exceeded = LimitExceeded();
  if (exceeded.empty()) return false;
  over_limit_ = true;
  ServerStats& stats = node_.server_stats();
  (exceeded == kQueryBuffer ? stats.query_limit_closed : stats.output_limit_closed).fetch_add(1);
  LogWarning("Client closed for overcoming a limit",
             {{"limit", exceeded},
              {"id", state_.id},
              {"addr", state_.address},
              {"query_bytes", connection_.query_bytes()},
              {"output_bytes", connection_.out().pending()}});
  return true;
}

// The limit's name, or empty.
std::string_view Session::LimitExceeded() {
  const ClientLimits& limits = node_.limits();
  if (connection_.query_bytes() > limits.query_buffer.load(std::memory_order_relaxed))
    return kQueryBuffer;
  const uint64_t pending = connection_.out().pending() + deferred_.size() + invalidations_.size();
  if (pending <= kUnlimitedReply) {
    soft_limit_since_ = 0;
    return {};
  }
  const OutputLimit& output = Subscribed() ? limits.pubsub_output : limits.normal_output;
  const uint64_t hard = output.hard.load(std::memory_order_relaxed);
  if (hard != 0 && pending > hard) return "hard output buffer";
  const uint64_t soft = output.soft.load(std::memory_order_relaxed);
  if (soft == 0 || pending <= soft) {
    soft_limit_since_ = 0;
    return {};
  }
  const UnixMillis now = connection_.worker().round_time();
  if (soft_limit_since_ == 0) soft_limit_since_ = now;
  const int64_t limit_ms = output.soft_seconds.load(std::memory_order_relaxed) * 1000;
  return now - soft_limit_since_ > limit_ms ? "soft output buffer" : "";
}

bool Session::Subscribed() const {
  return state_.channels.load(std::memory_order_relaxed) > 0 ||
         state_.patterns.load(std::memory_order_relaxed) > 0 ||
         state_.shard_channels.load(std::memory_order_relaxed) > 0;
}

bool Session::IdleTooLong(UnixMillis now) const {
  const int64_t limit_ms = node_.limits().idle_seconds.load(std::memory_order_relaxed) * 1000;
  if (limit_ms == 0) return false;
  const bool waits =
      state_.blocked.load(std::memory_order_relaxed) ||
      state_.paused.load(std::memory_order_relaxed) ||
      state_.monitor.load(std::memory_order_relaxed) || Subscribed() ||
      state_.client_class.load(std::memory_order_relaxed) != commands::ClientClass::kNormal;
  return !waits && now - state_.last_interaction.load(std::memory_order_relaxed) > limit_ms;
}

void Session::NotePeak(uint64_t pending) {
  const UnixMillis now = connection_.worker().round_time();
  const int64_t reset_ms = node_.debug().reply_peak_reset_ms.load(std::memory_order_relaxed);
  const UnixMillis since = state_.reply_peak_at.load(std::memory_order_relaxed);
  const bool stale = reset_ms >= 0 && now - since > reset_ms;
  if (!stale && pending <= state_.reply_peak.load(std::memory_order_relaxed)) return;
  state_.reply_peak.store(pending, std::memory_order_relaxed);
  state_.reply_peak_at.store(now, std::memory_order_relaxed);
}

void Session::CountMemory() {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  constexpr int64_t kWorthTelling = 1024;  // Spares all workers' common counter the small change.
  const uint64_t bytes = sizeof(Session) + sizeof(net::Connection) +
                         state_.query_buffer.load(kRelaxed) +
                         state_.query_buffer_free.load(kRelaxed) +
                         state_.output_buffer.load(kRelaxed) + state_.multi_bytes.load(kRelaxed);
  state_.total_memory.store(bytes, kRelaxed);
  const int64_t more = static_cast<int64_t>(bytes) - counted_;
  if (more > -kWorthTelling && more < kWorthTelling) return;
  counted_ += more;
  node_.client_eviction().Note(more);
}

bool Session::MaySend() {
  if (!tells_of_write_) return true;
  // A clock that was read before may be as old as the thread stood still.
  if (node_.replication().lease().Holds(SystemClock().MonotonicMicros())) return true;
  LogVerbose("Closed: what it wrote can't be acknowledged without a lease",
             {{"id", state_.id}, {"addr", state_.address}});
  return false;
}

void Session::EndIfAnswered(const proto::ReplyBuffer::Mark& mark, std::string_view command) {
  proto::ReplyBuffer& out = reply_.buffer();
  const proto::ReplyBuffer::Mark now = out.GetMark();
  const bool attached = now.blobs != mark.blobs;
  if (!attached && now.size == mark.size) return;
  const std::string_view answer = attached ? std::string_view() : out.Since(mark);
  if (answer.starts_with('-')) {
    node_.server_stats().unexpected_errors.fetch_add(1, std::memory_order_relaxed);
    LogWarning(
        fmt::format("== CRITICAL == This master is sending an error to its replica: '{}' "
                    "after processing the command '{}'",
                    answer.substr(0, answer.find("\r\n")), command));
  }
  out.TruncateTo(mark);
  std::string line;
  commands::AppendClientLine(state_, node_.debug(), SystemClock().NowMillis(), line);
  line.pop_back();  // Its end.
  LogWarning(fmt::format("Replica generated a reply to command '{}', disconnecting it: {}", command,
                         line));
  state_.close_after_reply = true;                           // The batch ends here,
  state_.close_asap.store(true, std::memory_order_relaxed);  // and the connection behind it.
}

void Session::AfterFlush() {
  if (connection_.out().empty()) tells_of_write_ = false;
  state_.output_buffer.store(connection_.out().pending(), std::memory_order_relaxed);
  CountMemory();
}

bool Session::AfterWork() {
  if (const UnixMillis active = connection_.last_active(); active != 0) {
    state_.last_interaction.store(active, std::memory_order_relaxed);
  }
  state_.query_buffer.store(connection_.query_bytes(), std::memory_order_relaxed);
  state_.query_buffer_free.store(connection_.query_capacity() - connection_.query_bytes(),
                                 std::memory_order_relaxed);
  const uint64_t pending = connection_.out().pending();
  state_.output_buffer.store(pending, std::memory_order_relaxed);
  NotePeak(pending);
  CountMemory();
  return !state_.close_asap.load(std::memory_order_relaxed) && !OverLimits();
}

void Session::StartTimer(int64_t delay_ms, void (Session::*then)()) {
  // A timer counts microseconds: later than in a century is never.
  constexpr int64_t kLongest = int64_t{100} * 365 * 24 * 3600 * 1000;
  has_timer_ = true;
  timer_ = connection_.worker().AddTimer(std::min(delay_ms, kLongest), [this, then] {
    has_timer_ = false;
    (this->*then)();
  });
}

void Session::StopTimer() {
  if (has_timer_) connection_.worker().CancelTimer(timer_);
  has_timer_ = false;
}

std::function<void()> Session::Block(int64_t timeout_ms,
                                     std::function<void(commands::BlockedReply&)> done) {
  blocked_done_ = std::move(done);
  blocked_silently_ = state_.reply_mode != commands::ReplyMode::kOn;
  ++blocks_;
  state_.blocked.store(true, std::memory_order_relaxed);
  connection_.Suspend();
  if (timeout_ms > 0) StartTimer(timeout_ms, &Session::OnTimeout);
  return [&node = node_, id = state_.id, block = blocks_] {
    node.clients().RunOn(id, [block](Session& session) {
      if (session.blocks_ == block) session.Unblock(false);
    });
  };
}

void Session::OnTimeout() { Unblock(false); }

void Session::Unblock(bool by_error) {
  UnblockBy(by_error ? commands::errors::kUnblocked : std::string_view());
}

void Session::UnblockBy(std::string_view error) {
  if (!state_.blocked.load(std::memory_order_relaxed) || blocked_done_ == nullptr) return;
  StopTimer();
  state_.blocked.store(false, std::memory_order_relaxed);
  const auto done = std::exchange(blocked_done_, nullptr);
  if (wait_goal_) node_.replication().acknowledgements().Forget(state_.id);
  wait_goal_.reset();
  const auto mark = reply_.buffer().GetMark();
  if (!error.empty()) {
    reply_.Error(error);
  } else {
    BlockedEnd end(reply_, false);
    done(end);
  }
  if (blocked_silently_) reply_.buffer().TruncateTo(mark);
  if (exec_parked_) return GoOnWithExec();
  connection_.FlushSoon();
  connection_.Resume();
}

void Session::GoOnWithExec() {
  const auto mark = reply_.buffer().GetMark();
  const bool silent = blocked_silently_;
  bool ran = false;
  RunAndHold([&] { ran = dispatcher_.GoOnWithExec(*this); });
  blocked_silently_ = silent;  // Also if a later command of it has parked the client.
  if (over_limit_) return;     // It is being closed.
  connection_.FlushSoon();
  if (!ran) {
    state_.paused.store(true, std::memory_order_relaxed);
    return StartTimer(kRoomCheckMs, &Session::CheckPause);
  }
  if (silent) reply_.buffer().TruncateTo(mark);
  if (exec_parked_) return;
  if (has_deferred()) SendDeferred();
  connection_.Resume();
}

bool Session::DefersPushes() const {
  return exec_parked_ || dispatcher_.defers_pushes(*this) || Served(blocked_call_);
}

// --- Waiting for keys ---

void Session::BlockOnKeys(std::shared_ptr<BlockedCall> call) {
  const int64_t timeout_ms = call->timeout_ms();
  {
    const std::lock_guard lock(state_.mu);
    blocked_call_ = std::move(call);
  }
  state_.blocked.store(true, std::memory_order_relaxed);
  connection_.Suspend();
  if (timeout_ms > 0) StartTimer(timeout_ms, &Session::OnWaitTimeout);
}

std::shared_ptr<BlockedCall> Session::blocked_call() const {
  const std::lock_guard lock(state_.mu);
  return blocked_call_;
}

bool Session::waits() const {
  if (state_.paused.load(std::memory_order_relaxed)) return true;
  if (!state_.blocked.load(std::memory_order_relaxed)) return false;
  const std::shared_ptr<BlockedCall> call = blocked_call();
  return call == nullptr || !call->done();
}

void Session::OnWaitTimeout() {
  // Otherwise it was served, and the reply is on its way.
  if (blocked_call_->End()) EndWait(*blocked_call_, {});
}

std::shared_ptr<BlockedCall> Session::LeaveWait() {
  StopTimer();
  std::shared_ptr<BlockedCall> call;
  {
    const std::lock_guard lock(state_.mu);
    call = std::exchange(blocked_call_, nullptr);
  }
  LeaveQueues(*call);
  recheck_after_pause_ = false;
  state_.blocked.store(false, std::memory_order_relaxed);
  connection_.FlushSoon();  // First: it may lend the connection a buffer.
  connection_.Resume();
  return call;
}

void Session::LeaveQueues(BlockedCall& call) {
  store::Store& store = node_.store();
  const store::LockSet none(store);
  for (store::WaitPlace& place : call.places()) {
    if (!place.queued.load(std::memory_order_relaxed)) continue;
    const ShardIndex index = store.ShardOf(place.slot);
    const store::ShardGuard guard(store, none, index);
    store.shard(index).waits.Remove(call, place);
  }
}

void Session::Answer(const BlockedCall& call, proto::ReplyBuffer& reply) {
  if (blocked_call_.get() != &call) return;
  const std::shared_ptr<BlockedCall> ended = LeaveWait();
  if (!ended->silent()) reply_.buffer().Append(reply);
  if (has_deferred()) SendDeferred();
  if (!AfterWork()) connection_.worker().Close(connection_);
}

void Session::EndWait(const BlockedCall& call, std::string_view error) {
  if (blocked_call_.get() != &call) return;
  const std::shared_ptr<BlockedCall> ended = LeaveWait();
  const auto mark = reply_.buffer().GetMark();
  error.empty() ? reply_.NullArray() : reply_.Error(error);
  dispatcher_.AccountBlocked(*ended, error.empty() ? error : reply_.last_error_code());
  if (ended->silent()) reply_.buffer().TruncateTo(mark);
  if (has_deferred()) SendDeferred();
}

void Session::Recheck(const std::shared_ptr<BlockedCall>& call) {
  if (blocked_call_ != call) return;
  const UnixMillis now = SystemClock().NowMillis();
  if (!node_.pause().Holds(call->spec(), now)) return dispatcher_.Retry(call, now);
  recheck_after_pause_ = true;
  const UnixMillis until = node_.pause().until.load(std::memory_order_relaxed);
  connection_.worker().AddTimer(std::max<int64_t>(1, until - now), [&node = node_, call] {
    if (Session* session = node.clients().Find(call->client())) session->Recheck(call);
  });
}

void Session::Push(std::string_view bytes) {
  if (connection_.closing() || state_.reply_mode == commands::ReplyMode::kOff) return;
  if (exec_parked_) {
    deferred_ += bytes;
    return;
  }
  connection_.FlushSoon();  // First: it may lend the connection a buffer.
  reply_.buffer().Append(bytes);
  if (!AfterWork()) connection_.worker().Close(connection_);
}

void Session::TakeMessages() {
  if (subscribed()) node_.exchange().Drain(worker());
}

void Session::Deliver(pubsub::MessageRun& run) {
  if (connection_.closing() || over_limit_) return;
  const bool resp3 = reply_.resp3();
  if (DefersPushes()) {
    return run.ForEach(resp3, [this](std::string_view head, const BlobRef& body) {
      deferred_.append(head).append(body->view());
    });
  }
  connection_.FlushSoon();  // First: it may lend the connection a buffer.
  proto::ReplyBuffer& out = reply_.buffer();
  const bool worth_sharing = run.bytes() >= kShareFrom || out.empty();
  if (run.receivers() > 1 && run.bytes() < proto::kAttachFrom && worth_sharing) {
    out.Attach(run.Shared(resp3));
  } else {
    run.ForEach(resp3, [&out](std::string_view head, const BlobRef& body) {
      out.Append(head);
      body->size() < proto::kAttachFrom ? out.Append(body->view()) : out.Attach(body);
    });
  }
  if (out.pending() > kUnlimitedReply && OverLimits()) connection_.worker().Close(connection_);
}

void Session::OnExpelled(std::string_view channel) {
  commands::CountSubscriptions(state_);
  if (connection_.closing() || over_limit_) return;
  const std::string push =
      fmt::format("{}3\r\n$12\r\nsunsubscribe\r\n${}\r\n{}\r\n:{}\r\n", reply_.resp3() ? '>' : '*',
                  channel.size(), channel, count(pubsub::Kind::kShardChannel));
  if (DefersPushes()) {
    deferred_ += push;
    return;
  }
  connection_.FlushSoon();  // First: it may lend the connection a buffer.
  reply_.buffer().Append(push);
}

void Session::PushInvalidation(std::string_view bytes) {
  if (connection_.closing() || over_limit_) return;
  if (blocked_call_ != nullptr && !blocked_call_->done()) {
    // The change may be the call's own, which is being served: then its reply goes first.
    return connection_.worker().Post(
        [&node = node_, call = blocked_call_, id = state_.id, push = std::string(bytes)] {
          Session* session = node.clients().Find(id);
          if (session == nullptr) return;
          if (session->blocked_call_ != call || !call->done()) return session->Push(push);
          session->invalidations_ += push;
        });
  }
  if (DefersPushes()) {
    invalidations_ += bytes;
    return;
  }
  TakeMessages();
  connection_.FlushSoon();  // First: it may lend the connection a buffer.
  reply_.buffer().Append(bytes);
  if (reply_.buffer().pending() > kUnlimitedReply && OverLimits()) {
    connection_.worker().Close(connection_);
  }
}

void Session::SendDeferred() {
  reply_.buffer().Append(deferred_);
  reply_.buffer().Append(invalidations_);
  invalidations_.clear();
  deferred_.clear();
  if (deferred_.capacity() > kUnlimitedReply) deferred_ = std::string();
}

void Session::WaitForUnpause() {
  state_.paused.store(true, std::memory_order_relaxed);
  connection_.Suspend();
  const UnixMillis until = node_.pause().until.load(std::memory_order_relaxed);
  const bool hand_over =
      node_.pause().stops_writes.load(std::memory_order_relaxed) || node_.slot_pause().active();
  const int64_t wait_ms =
      hand_over ? kRoomCheckMs : std::max<int64_t>(1, until - SystemClock().NowMillis());
  StartTimer(wait_ms, &Session::CheckPause);
}

void Session::HoldReplies(Lsn lsn) {
  if (node_.replication().lease().limited()) tells_of_write_ = true;
  if (node_.journaling().holds_replies() && !dispatcher_.commits().Passed(lsn)) {
    connection_.HoldOutput();
    held_until_ = lsn;
    dispatcher_.commits().Hold(lsn, state_.id);
  }
  Acknowledgements& followers = node_.replication().acknowledgements();
  if (!followers.holds_replies() || dispatcher_.followers_commits().Passed(lsn)) return;
  connection_.HoldOutput();
  uncommitted_until_ = lsn;
  dispatcher_.followers_commits().Hold(lsn, state_.id);
  followers.Want(lsn);
}

void Session::HoldUntilPeersKnow() {
  net::Worker& worker = connection_.worker();
  const auto release = [&node = node_, id = state_.id, hold = peers_hold_ + 1] {
    if (Session* session = node.clients().Find(id)) session->OnPeersKnow(hold);
  };
  if (!node_.between_nodes().Await([&worker, release] { worker.Post(release); })) return;
  ++peers_hold_;
  waits_for_peers_ = true;
  connection_.HoldOutput();
  worker.AddTimer(kPeersWaitMs,
                  [&node = node_, release, version = node_.between_nodes().version()] {
                    node.between_nodes().GiveUp(version);
                    release();
                  });
}

void Session::OnPeersKnow(uint64_t hold) {
  if (hold != peers_hold_ || !waits_for_peers_) return;
  waits_for_peers_ = false;
  ReleaseReplies();
}

void Session::ReleaseReplies() {
  CheckWait();
  // Held again meanwhile, for a later one: that one's turn comes.
  if (!dispatcher_.commits().Passed(held_until_) || waits_for_peers_) return;
  if (!dispatcher_.followers_commits().Passed(uncommitted_until_)) return;
  connection_.ReleaseOutput();
}

void Session::DropUncommitted() {
  if (dispatcher_.followers_commits().Passed(uncommitted_until_)) return;
  connection_.worker().Close(connection_);
}

bool Session::wrote_durably() const {
  return dispatcher_.commits().Passed(last_write_) && !node_.journaling().is_beginning();
}

void Session::UnblockWhenReached(const commands::WaitGoal& goal) {
  wait_goal_ = goal;
  node_.journaling().WakeReaders();
  if (goal.local) {
    HoldForDisk();
    node_.journaling().TellWhenBegun(state_.id);
  }
  if (goal.followers > 0) {
    node_.replication().acknowledgements().Await(state_.id, last_write_, goal);
  }
}

void Session::HoldForDisk() {
  if (!wait_goal_ || !wait_goal_->local) return;
  dispatcher_.commits().Hold(last_write_, state_.id);
  // Released at once if it has passed meanwhile, behind this command.
  connection_.worker().Post([&dispatcher = dispatcher_] { dispatcher.ReleaseReplies(); });
}

void Session::CheckWait() {
  if (!wait_goal_) return;
  const commands::WaitGoal& goal = *wait_goal_;
  if (goal.local && !node_.journaling().enabled())
    return UnblockBy(commands::errors::kWaitAofWithoutFile);
  if (goal.local && !wrote_durably()) return;
  const Acknowledgements& followers = node_.replication().acknowledgements();
  if (followers.Count(last_write_, goal.durable) >= goal.followers) Unblock(false);
}

void Session::EndForNewRole(const std::shared_ptr<BlockedCall>& call) {
  if (call != nullptr) {
    if (blocked_call_ != call) return;
    EndWait(*call, commands::errors::kUnblockedByRole);
  } else {
    if (!wait_goal_) return;
    UnblockBy(commands::errors::kUnblockedByRole);
  }
  connection_.CloseAfterFlush();
}

void Session::WaitForRoom() {
  room_awaited_since_ = Ticks();
  state_.paused.store(true, std::memory_order_relaxed);
  connection_.Suspend();
  StartTimer(kRoomCheckMs, &Session::CheckPause);
}

std::function<void()> Session::HoldBack() {
  state_.paused.store(true, std::memory_order_relaxed);
  connection_.Suspend();
  return [&node = node_, &worker = connection_.worker(), client = state_.id] {
    worker.Post([&node, client] {
      if (Session* session = node.clients().Find(client)) session->CheckPause();
    });
  };
}

void Session::CheckPause() {
  if (std::exchange(recheck_after_pause_, false)) Recheck(blocked_call_);
  if (!state_.paused.load(std::memory_order_relaxed)) return;
  StopTimer();
  if (const uint64_t since = std::exchange(room_awaited_since_, 0); since != 0) {
    node_.server_stats().journal_stall_us.fetch_add(TicksToMicros(Ticks() - since),
                                                    std::memory_order_relaxed);
  }
  state_.paused.store(false, std::memory_order_relaxed);
  if (exec_parked_) return GoOnWithExec();
  connection_.Resume();  // The gate holds it back again if the pause was prolonged.
}

}  // namespace henge::server
