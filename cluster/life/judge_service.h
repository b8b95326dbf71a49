// SPDX-License-Identifier: Apache-2.0
// JudgeService: the end of ClusterJudge (proto/henge/judge.proto) that is asked. Beats come in by
// the streams of all nodes; answers go out by the stream that the node opened last. What of an
// answer has not left when the next comes is replaced by it: a newer one says all that counts.
//
// A stream is one node's: another's beat, or one that can't be read, ends it. So does a newer
// stream of that node.
//
// Answer, Close: any thread. The listener is called on gRPC's threads until Close has returned.
// Each question must have its answer before the server can stop.
#pragma once

#include <memory>

#include "cluster/failover/beat.h"
#include "cluster/life/beat_codec.h"
#include "cluster/life/question.h"

namespace grpc {
class Service;
}

namespace henge::cluster {

class JudgeListener {
 public:
  virtual ~JudgeListener() = default;
  // These must not block. False: the beat is no member's, or too late; its stream ends.
  virtual bool OnBeat(NodeBeat beat) = 0;
  virtual void OnFailover(const FailoverQuestion& question, QuestionPtr answer) = 0;
};

class JudgeService {
 public:
  explicit JudgeService(JudgeListener& listener);
  ~JudgeService();  // As Close.
  JudgeService(const JudgeService&) = delete;
  JudgeService& operator=(const JudgeService&) = delete;

  // For the node's BusServer; may outlive this.
  std::shared_ptr<grpc::Service> service() const;

  void Answer(const BeatAnswer& answer);
  void Close();

 private:
  class Service;
  const std::shared_ptr<Service> service_;
};

}  // namespace henge::cluster
