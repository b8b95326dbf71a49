// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/judge_link.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cluster/bus_channel.h"
#include "cluster/life/beat_codec.h"
#include "henge/judge.grpc.pb.h"

namespace henge::cluster {

struct JudgeLink::Line {
  explicit Line(const PeerAddress& peer)
      : stub(bus::ClusterJudge::NewStub(ConnectToBus(peer, kMaxBeatBytes))) {}
  const std::unique_ptr<bus::ClusterJudge::Stub> stub;
};

// A call. Its hold, for what is written from outside gRPC's reactions, ends when nothing more can
// be read. It goes on the link's thread, never on one of gRPC's: with it may go the last share of
// a channel.
class JudgeLink::Stream final : public grpc::ClientBidiReactor<bus::LifeBeat, bus::LifeAnswer> {
 public:
  Stream(std::shared_ptr<Line> line, const std::function<void(BeatAnswer)>& heard)
      : line_(std::move(line)), heard_(heard) {
    line_->stub->async()->Attend(&context_, this);
    AddHold();
    StartRead(&answer_);
    StartCall();
  }

  void Send(const NodeBeat& beat) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    next_ = beat;
    WriteLocked();
  }
  void Cancel() { context_.TryCancel(); }
  bool done() const {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  void Await() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return done_; });
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok && !closed_) WriteLocked();
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      absl::StatusOr<BeatAnswer> answer = Read(answer_);
      if (answer.ok()) {
        heard_(*std::move(answer));
      } else {
        LogWarning("The judge's answer makes no sense: its stream ends",
                   {{"error", Std(answer.status().message())}});
        context_.TryCancel();
      }
      return StartRead(&answer_);
    }
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    RemoveHold();
  }

  void OnDone(const grpc::Status&) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    ended_.notify_all();  // Under the lock: then `this` may go.
  }

 private:
  void WriteLocked() {
    if (writing_ || !next_) return;
    Write(*next_, beat_);
    next_.reset();
    writing_ = true;
    StartWrite(&beat_);
  }

  const std::shared_ptr<Line> line_;
  const std::function<void(BeatAnswer)>& heard_;
  grpc::ClientContext context_;
  bus::LifeBeat beat_;
  bus::LifeAnswer answer_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<NodeBeat> next_;  // Guarded by mutex_, as the following.
  bool writing_ = false;
  bool closed_ = false;
  bool done_ = false;
};

JudgeLink::JudgeLink(std::function<void(BeatAnswer)> heard) : heard_(std::move(heard)) {}

JudgeLink::~JudgeLink() {
  HangUp();
  for (const auto& stream : ending_) stream->Await();
}

void JudgeLink::HangUp() {
  line_.reset();
  if (stream_ == nullptr) return;
  stream_->Cancel();
  ending_.push_back(std::move(stream_));
}

void JudgeLink::Reap() {
  std::erase_if(ending_, [](const auto& stream) { return stream->done(); });
}

bool JudgeLink::Attend(const std::optional<PeerAddress>& judge) {
  if (judge == judge_) return false;
  HangUp();
  judge_ = judge;
  return true;
}

void JudgeLink::Renew() { HangUp(); }

void JudgeLink::Send(const NodeBeat& beat) {
  Reap();
  if (!judge_) return;
  if (line_ == nullptr) line_ = std::make_shared<Line>(*judge_);
  if (stream_ != nullptr && stream_->done()) stream_.reset();
  if (stream_ == nullptr) stream_ = std::make_unique<Stream>(line_, heard_);
  stream_->Send(beat);
}

}  // namespace henge::cluster
