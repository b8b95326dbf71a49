// SPDX-License-Identifier: Apache-2.0
// Session: a connection's command state, and the hands by which the front end reaches the
// dispatcher. One per connection, on its worker's thread.
#pragma once

#include <absl/functional/function_ref.h>

#include <functional>
#include <memory>
#include <optional>

#include "commands/client_state.h"
#include "commands/services.h"
#include "net/connection.h"
#include "net/handler.h"
#include "proto/reply_writer.h"
#include "pubsub/subscriber.h"

namespace henge::server {

class BlockedCall;
class Dispatcher;
class Node;

class Session final : public net::ConnectionHandler, public pubsub::Subscriber {
 public:
  Session(Node& node, Dispatcher& dispatcher, net::Connection& connection);
  ~Session() override;

  void Foresee(std::string_view bytes) override;
  void ForeseeMore() override;
  size_t Execute(const net::Batch& batch) override;
  void OnProtocolError(std::string_view text) override;
  proto::ParserLimits Limits() const override;
  bool AfterWork() override;
  // The worker's thread. Whether the `timeout` has passed without a byte coming or going.
  bool IdleTooLong(UnixMillis now) const;
  // With a lease that ends: a reply to a write goes only while that lasts.
  bool MaySend() override;
  void AfterFlush() override;
  // A replica gets the stream alone: one whose command was answered, behind `mark`, is none that
  // can be served. The connection ends, without the answer.
  void EndIfAnswered(const proto::ReplyBuffer::Mark& mark, std::string_view command);

  // The session whose state() this is.
  static Session& Of(commands::ClientState& state) {
    return static_cast<OwnedState&>(state).session;
  }
  net::Connection& connection() { return connection_; }
  proto::ReplyWriter& reply() { return reply_; }
  commands::ClientState& state() { return state_; }
  const commands::ClientState& state() const { return state_; }

  // Waits without reply until the call is served, or ends; see Services::BlockOnKeys. The call
  // stands in its queues already.
  void BlockOnKeys(std::shared_ptr<BlockedCall> call);
  // Any thread. The call that waits for keys, or null.
  std::shared_ptr<BlockedCall> blocked_call() const;
  // Any thread. Whether it waits for anything; not from the moment on in which it was served.
  bool waits() const;
  // The worker's thread, as the following: the call was served, with this reply.
  void Answer(const BlockedCall& call, proto::ReplyBuffer& reply);
  // The call was ended (Waiter::End) without being served; by an error, if there is a text.
  void EndWait(const BlockedCall& call, std::string_view error);
  // What the call waits for may be there, and could not be given to it.
  void Recheck(const std::shared_ptr<BlockedCall>& call);

  // Waits without reply until Unblock or the timeout; see Services::Block. What is returned ends
  // this very wait.
  std::function<void()> Block(int64_t timeout_ms,
                              std::function<void(commands::BlockedReply&)> done);
  // Whether it waits in the middle of EXEC, whose reply is written in part: what is no reply is
  // kept back until it is whole. The worker's thread, as is setting it.
  bool exec_parked() const { return exec_parked_; }
  void set_exec_parked(bool parked) { exec_parked_ = parked; }
  // The worker's thread. Ends a Block.
  void Unblock(bool by_error);
  void UnblockBy(std::string_view error);  // Empty: by none.
  // The worker's thread: sends what is no reply to a command of this client.
  void Push(std::string_view bytes);
  // As Push, a message; after the reply, if it comes of the client's own command.
  void Deliver(pubsub::MessageRun& run) override;
  void OnExpelled(std::string_view channel) override;
  // As Push, behind all messages of the same command.
  void PushInvalidation(std::string_view bytes);
  // Messages published so far go before what is written next.
  void TakeMessages();
  // What the client's own command pushed to it, now that its reply is written.
  bool has_deferred() const {
    return !exec_parked_ && (!deferred_.empty() || !invalidations_.empty());
  }
  void SendDeferred();
  // Keeps replies until what was journaled before `lsn` is safe, if it must be.
  void HoldReplies(Lsn lsn);
  void ReleaseReplies();
  // The replies that wait for followers can't be given: this node is no leader any more.
  void DropUncommitted();
  // What the client has written ends there.
  void NoteWrite(Lsn lsn) { last_write_ = lsn; }
  Lsn last_write() const { return last_write_; }
  bool wrote_durably() const;
  // Ends the Block when the goal is reached for what the client wrote last.
  void UnblockWhenReached(const commands::WaitGoal& goal);
  // For WAITAOF: looks again once the disk has what this client wrote.
  void HoldForDisk();
  void CheckWait();
  // The node's role has changed: what the client waits for may never come. `call`: see
  // blocked_call().
  void EndForNewRole(const std::shared_ptr<BlockedCall>& call);
  // Holds the connection back while the journal has no room.
  void WaitForRoom();
  // Holds the connection back while clients are paused.
  void WaitForUnpause();
  void CheckPause();
  // Keeps the replies to SUBSCRIBE until the other nodes know of it: what is published anywhere
  // after the reply comes here. A node that does not answer soon is not waited for.
  void HoldUntilPeersKnow();
  void OnPeersKnow(uint64_t hold);
  // Holds the connection back until what it returns is called, by any thread.
  std::function<void()> HoldBack();

 private:
  // Runs commands, and keeps back what they reply as long as it must be.
  void RunAndHold(absl::FunctionRef<void()> run);
  // What a parked EXEC has left, as soon as that may run.
  void GoOnWithExec();
  // Whether a push must wait for the reply that is being written.
  bool DefersPushes() const;
  // Says what the client takes to whoever adds it up.
  void CountMemory();
  // Remembers the largest reply for a while, for CLIENT LIST.
  void NotePeak(uint64_t pending);
  // Whether the client must be closed for what it holds; says so in the log.
  bool OverLimits();
  std::string_view LimitExceeded();
  bool Subscribed() const;
  void StartTimer(int64_t delay_ms, void (Session::*then)());
  void StopTimer();
  void OnTimeout();      // Of a Block.
  void OnWaitTimeout();  // Of a BlockOnKeys.
  // Takes the call out of all queues and lets the connection go on.
  std::shared_ptr<BlockedCall> LeaveWait();
  void LeaveQueues(BlockedCall& call);

  struct OwnedState : commands::ClientState {
    explicit OwnedState(Session& owner) : session(owner) {}
    Session& session;
  };

  Node& node_;
  Dispatcher& dispatcher_;
  net::Connection& connection_;
  OwnedState state_;
  proto::ReplyWriter reply_;
  std::function<void(commands::BlockedReply&)> blocked_done_;
  uint64_t blocks_ = 0;                        // How often it was parked by Block.
  std::shared_ptr<BlockedCall> blocked_call_;  // Changed under state_.mu.
  Lsn last_write_ = 0;
  Lsn held_until_ = 0;         // By the disk;
  Lsn uncommitted_until_ = 0;  // by followers.
  std::optional<commands::WaitGoal> wait_goal_;
  uint64_t peers_hold_ = 0;  // Counts the times that it waited for the other nodes.
  bool waits_for_peers_ = false;
  bool tells_of_write_ = false;  // What is in out() may acknowledge one, under a lease.
  bool recheck_after_pause_ = false;
  std::string invalidations_;
  std::string deferred_;  // Pushes that wait for the end of the command under way.
  std::pair<int64_t, uint64_t> timer_{};
  uint64_t room_awaited_since_ = 0;  // In ticks; 0: there is room in the journal.
  UnixMillis soft_limit_since_ = 0;
  store::Key foreseen_;  // Its bytes are in the worker's scratch buffer: for this round only.
  bool has_timer_ = false;
  bool exec_parked_ = false;
  bool blocked_silently_ = false;  // CLIENT REPLY OFF or SKIP: no one wants the reply of the Block.
  bool over_limit_ = false;        // And is being closed.
  int64_t counted_ = 0;            // Bytes last told to ClientEviction.
};
#ifndef HENGE_SANITIZED
// One of ten thousand idle ones should not take the allocator's next size, which is 1280.
static_assert(sizeof(Session) <= 1024);
#endif

}  // namespace henge::server
