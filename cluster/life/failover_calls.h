// SPDX-License-Identifier: Apache-2.0
// FailoverCalls: asks another node for a failover (ClusterJudge.FailOver), a few at a time.
//
// One thread. Answers are told on gRPC's threads, or within Ask; each once, at the latest while
// the destructor runs.
#pragma once

#include <list>
#include <memory>

#include "cluster/heartbeat.h"
#include "cluster/life/beat_codec.h"
#include "cluster/life/question.h"

namespace henge::cluster {

class FailoverCalls {
 public:
  FailoverCalls();
  ~FailoverCalls();  // Cancels what is on its way, and waits for it.
  FailoverCalls(const FailoverCalls&) = delete;
  FailoverCalls& operator=(const FailoverCalls&) = delete;

  void Ask(const PeerAddress& peer, const FailoverQuestion& question, QuestionPtr answer);
  void Reap();  // What has ended goes. Now and then.

 private:
  struct Call;
  std::list<std::unique_ptr<Call>> calls_;
};

}  // namespace henge::cluster
