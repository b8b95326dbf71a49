// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/failover_calls.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "cluster/bus_channel.h"
#include "henge/judge.grpc.pb.h"

namespace henge::cluster {
namespace {

constexpr size_t kMaxCalls = 16;
constexpr int64_t kBesidesMs = 5000;  // For the way, and an outcome that is late.

absl::Status Outcome(const grpc::Status& status, const bus::FailoverReply& reply) {
  if (status.ok()) return Read(reply);
  const std::string text = absl::StrCat("the node that was asked: ", status.error_message());
  const bool late = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  return late ? absl::DeadlineExceededError(text) : absl::UnavailableError(text);
}

}  // namespace

// It holds a share of its channel, also by the context, so it goes on the owner's thread.
struct FailoverCalls::Call {
  explicit Call(const PeerAddress& peer)
      : stub(bus::ClusterJudge::NewStub(ConnectToBus(peer, kMaxBeatBytes))) {}

  const std::unique_ptr<bus::ClusterJudge::Stub> stub;
  grpc::ClientContext context;
  bus::FailoverRequest request;
  bus::FailoverReply reply;
  QuestionPtr answer;  // gRPC's, until done.
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;  // Guarded by mutex.
};

FailoverCalls::FailoverCalls() = default;

FailoverCalls::~FailoverCalls() {
  for (const auto& call : calls_) call->context.TryCancel();
  for (const auto& call : calls_) {
    std::unique_lock lock(call->mutex);
    call->ended.wait(lock, [&] { return call->done; });
  }
}

void FailoverCalls::Ask(const PeerAddress& peer, const FailoverQuestion& question,
                        QuestionPtr answer) {
  Reap();
  if (calls_.size() >= kMaxCalls) {
    return answer->Answer(absl::UnavailableError("too many failovers are being asked for"));
  }
  Call& call = *calls_.emplace_back(std::make_unique<Call>(peer));
  Write(question, call.request);
  call.answer = std::move(answer);
  call.context.set_deadline(std::chrono::system_clock::now() +
                            std::chrono::milliseconds(question.timeout_ms + kBesidesMs));
  call.stub->async()->FailOver(&call.context, &call.request, &call.reply,
                               [&call](const grpc::Status& status) {
                                 call.answer->Answer(Outcome(status, call.reply));
                                 call.answer.reset();
                                 const std::lock_guard lock(call.mutex);
                                 call.done = true;
                                 call.ended.notify_all();  // Under the lock: then the call may go.
                               });
}

void FailoverCalls::Reap() {
  std::erase_if(calls_, [](const auto& call) {
    const std::lock_guard lock(call->mutex);
    return call->done;
  });
}

}  // namespace henge::cluster
