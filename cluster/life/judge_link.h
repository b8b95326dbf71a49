// SPDX-License-Identifier: Apache-2.0
// JudgeLink: this node's one stream to whoever judges. Beats that can't leave at once are replaced
// by the next: what a node tells is its present state. A stream that ended is followed by another
// with the next beat; one that hangs is for the owner to notice, and to Renew.
//
// One thread. The answers are told on gRPC's threads, until the destructor returns.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cluster/failover/beat.h"
#include "cluster/heartbeat.h"

namespace henge::cluster {

class JudgeLink {
 public:
  // Must not block. An answer that makes no sense ends its stream instead.
  explicit JudgeLink(std::function<void(BeatAnswer)> heard);
  ~JudgeLink();
  JudgeLink(const JudgeLink&) = delete;
  JudgeLink& operator=(const JudgeLink&) = delete;

  // Whom to tell from now on; nobody: what is sent is dropped. False: the same as before.
  bool Attend(const std::optional<PeerAddress>& judge);
  void Send(const NodeBeat& beat);
  // By another connection.
  void Renew();

 private:
  class Stream;
  struct Line;  // A connection.
  void HangUp();
  void Reap();  // What has ended goes.

  const std::function<void(BeatAnswer)> heard_;
  std::optional<PeerAddress> judge_;
  std::shared_ptr<Line> line_;
  std::unique_ptr<Stream> stream_;
  std::vector<std::unique_ptr<Stream>> ending_;
};

}  // namespace henge::cluster
