// SPDX-License-Identifier: Apache-2.0
// The end of Follow at the node that is followed: hears what peers want, sends what Followers keeps
// for them. Its service belongs to a BusServer, on whose threads it runs.
#pragma once

#include <functional>
#include <memory>

#include "cluster/followers.h"
#include "cluster/node_id.h"

namespace grpc {
class Service;
}

namespace henge::cluster {

class FollowedStreams {
 public:
  // Strangers are refused. `followers` outlives the service.
  FollowedStreams(Followers& followers, std::function<bool(const NodeId&)> is_member);
  ~FollowedStreams();

  std::shared_ptr<grpc::Service> service() const;
  // Any thread but a publisher's: sends what waits for the stream.
  void Send(StreamId stream);

 private:
  class Service;
  std::shared_ptr<Service> service_;
};

}  // namespace henge::cluster
