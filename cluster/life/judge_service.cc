// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/judge_service.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "henge/judge.grpc.pb.h"

namespace henge::cluster {

class JudgeService::Service final : public bus::ClusterJudge::CallbackService {
 public:
  explicit Service(JudgeListener& listener) : listener_(&listener) {}

  void Answer(const BeatAnswer& answer);
  void Close() {
    const std::unique_lock lock(listening_);
    listener_ = nullptr;
  }

 private:
  class Stream;

  grpc::ServerBidiReactor<bus::LifeBeat, bus::LifeAnswer>* Attend(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* FailOver(grpc::CallbackServerContext* context,
                                     const bus::FailoverRequest* request,
                                     bus::FailoverReply* reply) override;

  bool Tell(NodeBeat beat) {
    const std::shared_lock lock(listening_);
    return listener_ != nullptr && listener_->OnBeat(std::move(beat));
  }
  // The node's stream from now on; the one before ends.
  void Adopt(const NodeId& node, std::shared_ptr<Stream> stream);
  void Remove(const NodeId& node, const Stream* stream) {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(node);
    if (at != streams_.end() && at->second.get() == stream) streams_.erase(at);
  }

  std::shared_mutex listening_;
  JudgeListener* listener_;  // Guarded by listening_.
  std::mutex mutex_;
  std::map<NodeId, std::shared_ptr<Stream>> streams_;  // Guarded by mutex_.
};

// A call. It holds itself until gRPC has done with it; who else holds it finds it ended then.
class JudgeService::Service::Stream final
    : public grpc::ServerBidiReactor<bus::LifeBeat, bus::LifeAnswer>,
      public std::enable_shared_from_this<Stream> {
 public:
  Stream(Service& service, std::string peer) : service_(service), peer_(std::move(peer)) {}

  void Begin() {
    self_ = shared_from_this();
    StartRead(&beat_);
  }

  void Send(const BeatAnswer& answer) {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    next_ = answer;
    WriteLocked();
  }

  void End(grpc::Status status) {
    const auto keep = shared_from_this();
    const std::lock_guard lock(mutex_);
    if (std::exchange(ending_, true)) return;
    status_ = std::move(status);
    if (!writing_) Finish(status_);
  }

  void OnReadDone(bool ok) override {
    const auto keep = shared_from_this();
    if (!ok) return End(grpc::Status::OK);
    if (grpc::Status status = Hear(); !status.ok()) return End(std::move(status));
    const std::lock_guard lock(mutex_);
    if (!ending_) StartRead(&beat_);
  }

  void OnWriteDone(bool ok) override {
    const auto keep = shared_from_this();
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ending_) return Finish(status_);
    if (ok) return WriteLocked();
    ending_ = true;
    Finish({grpc::StatusCode::ABORTED, "the stream is broken"});
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    if (node_) service_.Remove(*node_, this);
    self_.reset();  // The last that happens to it.
  }

 private:
  void WriteLocked() {
    if (writing_ || !next_) return;
    Write(*next_, answer_);
    next_.reset();
    writing_ = true;
    StartWrite(&answer_);
  }

  grpc::Status Hear() {
    absl::StatusOr<NodeBeat> beat = Read(beat_);
    if (!beat.ok()) return Refuse(Std(beat.status().message()));
    if (!node_) {
      node_ = beat->node;
      service_.Adopt(*node_, shared_from_this());
    }
    if (beat->node != *node_) return Refuse("a beat of another node");
    if (service_.Tell(*std::move(beat))) return grpc::Status::OK;
    return {grpc::StatusCode::FAILED_PRECONDITION, "not a member of this node's cluster"};
  }

  grpc::Status Refuse(std::string_view why) {
    LogWarning("A beat makes no sense: its stream ends", {{"peer", peer_}, {"error", why}});
    return {grpc::StatusCode::INVALID_ARGUMENT, std::string(why)};
  }

  Service& service_;
  const std::string peer_;
  std::shared_ptr<Stream> self_;
  bus::LifeBeat beat_;
  std::optional<NodeId> node_;  // The reader's own, as the beat.

  std::mutex mutex_;
  bus::LifeAnswer answer_;          // Guarded by mutex_ until it is being written.
  std::optional<BeatAnswer> next_;  // Guarded by mutex_, as the following.
  bool writing_ = false;
  bool ending_ = false;
  grpc::Status status_;
};

void JudgeService::Service::Adopt(const NodeId& node, std::shared_ptr<Stream> stream) {
  std::shared_ptr<Stream> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(streams_[node], std::move(stream));
  }
  if (before != nullptr) before->End({grpc::StatusCode::ABORTED, "a newer stream follows"});
}

void JudgeService::Service::Answer(const BeatAnswer& answer) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(answer.node);
    if (at == streams_.end()) return;
    stream = at->second;
  }
  stream->Send(answer);
}

grpc::ServerBidiReactor<bus::LifeBeat, bus::LifeAnswer>* JudgeService::Service::Attend(
    grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<Stream>(*this, context->peer());
  stream->Begin();
  return stream.get();
}

grpc::ServerUnaryReactor* JudgeService::Service::FailOver(grpc::CallbackServerContext* context,
                                                          const bus::FailoverRequest* request,
                                                          bus::FailoverReply* reply) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::StatusOr<FailoverQuestion> question = Read(*request);
  if (!question.ok()) {
    LogWarning("A request for a failover makes no sense",
               {{"peer", context->peer()}, {"error", Std(question.status().message())}});
    reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, std::string(question.status().message())});
    return reactor;
  }
  auto answer = std::make_shared<Question>([reactor, reply](const absl::Status& outcome) {
    Write(outcome, *reply);
    reactor->Finish(grpc::Status::OK);
  });
  const std::shared_lock lock(listening_);
  if (listener_ != nullptr) listener_->OnFailover(*question, std::move(answer));
  return reactor;
}

JudgeService::JudgeService(JudgeListener& listener)
    : service_(std::make_shared<Service>(listener)) {}

JudgeService::~JudgeService() { Close(); }

std::shared_ptr<grpc::Service> JudgeService::service() const { return service_; }

void JudgeService::Answer(const BeatAnswer& answer) { service_->Answer(answer); }

void JudgeService::Close() { service_->Close(); }

}  // namespace henge::cluster
