// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/group_failover.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "server/node.h"

namespace henge::server {
namespace {

using cluster::Group;
using cluster::NodeId;
using cluster::TopologyPtr;
using Follower = Replication::FollowerReport;

constexpr int64_t kAgainMs = 50;

// By the address that the leader knows it under, or the one that the members list.
bool IsAt(const Follower& follower, const cluster::Topology& topology, const std::string& host,
          int port) {
  if (follower.address == host && follower.port == port) return true;
  const auto id = NodeId::Parse(follower.node);
  const cluster::Node* node = id ? topology.Find(*id) : nullptr;
  return node != nullptr && node->host == host && node->port == port;
}

bool IsInSync(const cluster::Topology& topology, const NodeId& node) {
  const auto& groups = topology.groups();
  return std::any_of(groups.begin(), groups.end(), [&](const Group& group) {
    return group.IsFollower(node) && group.IsInSync(node);
  });
}

// All nodes are one group.
Epoch GroupEpoch(Node& node) {
  const TopologyPtr topology = node.member()->view().topology();
  return topology->groups().empty() ? 0 : topology->groups().front().epoch;
}

struct Attempt {
  NodeId to;
  int64_t until;  // Microseconds of the monotonic clock.
  Epoch epoch;    // The group's, when it was asked for.
  std::shared_ptr<std::atomic<bool>> under_way;
};

void Ask(Node& node, const Attempt& attempt);

void AskAgain(Node& node, const Attempt& attempt) {
  if (GroupEpoch(node) == attempt.epoch) return Ask(node, attempt);
  LogNotice("The failover that was asked for is given up: the group has another leader already");
  attempt.under_way->store(false);
}

// While the leader can't begin, as when it leads since a moment ago and has not heard from its
// followers yet, it is asked again.
void Ask(Node& node, const Attempt& attempt) {
  const int64_t left = attempt.until - SystemClock().MonotonicMicros();
  node.member()->PassLead(
      attempt.to, std::max<int64_t>(left / 1000, 1), [&node, attempt](const absl::Status& outcome) {
        if (outcome.ok()) return attempt.under_way->store(false);
        if (absl::IsFailedPrecondition(outcome) &&
            SystemClock().MonotonicMicros() < attempt.until) {
          net::Worker& worker = *node.workers().front();
          return worker.Post([&node, &worker, attempt] {
            worker.AddTimer(kAgainMs, [&node, attempt] { AskAgain(node, attempt); });
          });
        }
        LogWarning("The failover that was asked for did not come about",
                   {{"error", Std(outcome.message())}});
        attempt.under_way->store(false);
      });
}

}  // namespace

std::string GroupFailover::Begin(const Request& request) {
  if (under_way()) return "ERR FAILOVER already in progress.";
  if (node_.replication().part() != GroupPart::kLeads) {
    return "ERR FAILOVER is not valid when server is a replica.";
  }
  const Replication::Report report = node_.replication().report();
  if (report.followers.empty()) return "ERR FAILOVER requires connected replicas.";
  if (request.force) {
    return "ERR FAILOVER FORCE is not supported in a group that elects its leader: it could lose "
           "writes";
  }
  NodeId to;
  if (!request.host.empty()) {
    const TopologyPtr topology = node_.member()->view().topology();
    const auto found = std::find_if(report.followers.begin(), report.followers.end(),
                                    [&](const Follower& follower) {
                                      return IsAt(follower, *topology, request.host, request.port);
                                    });
    if (found == report.followers.end()) {
      return "ERR FAILOVER target HOST and PORT is not a replica.";
    }
    to = NodeId::Parse(found->node).value_or(NodeId());
    if (found->state != FollowerFeed::State::kOnline || !IsInSync(*topology, to)) {
      return "ERR FAILOVER target replica is not online.";
    }
  }
  Start(to, request.timeout_ms == 0 ? kTimeoutMs : request.timeout_ms);
  return {};
}

std::string GroupFailover::Abort() const {
  if (!under_way()) return "ERR No failover in progress.";
  return "ERR FAILOVER ABORT is not supported in a group that elects its leader: a hand-over that "
         "does not come about is given up when its time is over";
}

std::string GroupFailover::BeginAnywhere() {
  if (under_way()) return "INPROG Failover already in progress";
  const TopologyPtr topology = node_.member()->view().topology();
  const auto& nodes = topology->nodes();
  const bool possible = std::any_of(nodes.begin(), nodes.end(), [&](const cluster::Node& node) {
    return !node.failed && !node.no_failover && IsInSync(*topology, node.id);
  });
  if (!possible) return "NOGOODSLAVE No suitable replica to promote";
  Start(NodeId(), kTimeoutMs);
  return {};
}

void GroupFailover::Start(const NodeId& to, int64_t timeout_ms) {
  under_way_->store(true);
  const int64_t until = SystemClock().MonotonicMicros() + timeout_ms * 1000;
  Ask(node_, {to, until, GroupEpoch(node_), under_way_});
}

}  // namespace henge::server
