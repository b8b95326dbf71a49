// SPDX-License-Identifier: Apache-2.0
// The simulated group: its nodes, what happens to them, and what is checked.
#include "replication/simulated_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace henge::replication::simulation {
namespace {

constexpr int64_t kBacklog = 100;
constexpr int kSettleRounds = 1000;
constexpr int64_t kRoundMs = 20;

bool StartsWith(const Bytes& whole, const Bytes& beginning) {
  return beginning.size() <= whole.size() &&
         std::equal(beginning.begin(), beginning.end(), whole.begin());
}

}  // namespace

Group::Group(uint64_t seed, size_t nodes, Bug bug)
    : random_(seed), bug_(bug), epochs_(seed % 3 != 0), nodes_(nodes) {
  for (Node& node : nodes_) {
    Rewrite(node);
    node.disk.history = node.history;
  }
  Promote(nodes_[0]);
  for (size_t i = 1; i < nodes; ++i) Tell(nodes_[i], 0);
}

// --- Nodes
// -----------------------------------------------------------------------------------

Holding Group::HoldingOf(const Node& node) const {
  Holding holding{.history = node.history,
                  .begin = node.kept_from,
                  .end = node.end(),
                  .keeps = node.keeps && bug_ != Bug::kNeverPartial,
                  .epochs = {node.epoch, node.newest_epoch}};
  if (bug_ == Bug::kStampsNewestEpoch) holding.epochs.data = holding.epochs.newest;
  return holding;
}

bool Group::Serves(const Node& node) const {
  if (node.leads()) return true;
  return std::any_of(connections_.begin(), connections_.end(), [&](const Connection& at) {
    return at.number == node.link && at.follower_open && at.follower_end.up();
  });
}

Connection* Group::LinkOf(const Node& node) {
  for (Connection& at : connections_) {
    if (at.number == node.link && at.follower_open) return &at;
  }
  return nullptr;
}

void Group::Rewrite(Node& node) {
  written_[node.history.id()] = node.bytes;
  epochs_of_[node.history.id()].insert(node.epoch);
}

void Group::Learn(Node& node, uint64_t epoch) {
  node.newest_epoch = std::max(node.newest_epoch, epoch);
  node.seen_epoch = std::max(node.seen_epoch, epoch);
}

void Group::Write(Node& node) {
  if (!node.leads() || node.newest_epoch > node.epoch) return;
  Bytes& written = written_[node.history.id()];
  for (uint64_t left = random_.Below(5); left + 1 > 0; --left) {
    const uint32_t byte = (++next_byte_ << 1) | (left == 0 ? 1 : 0);
    node.bytes.push_back(byte);
    written.push_back(byte);
    if (left == 0) break;
  }
}

void Group::Sync(Node& node) {
  node.disk = {node.history, node.bytes, node.epoch, node.newest_epoch};
  node.synced = node.end();
  if (Connection* at = LinkOf(node); at != nullptr && at->applied_true == node.end()) {
    at->durable_true = node.end();
  }
}

void Group::Restart(Node& node) {
  for (Connection& at : connections_) {
    if (at.follower == Index(node)) at.follower_open = false;
    if (at.leader == Index(node)) at.leader_open = false;
  }
  node.history = node.disk.history;
  node.bytes = node.disk.bytes;
  node.epoch = node.disk.epoch;
  node.newest_epoch = node.seen_epoch = node.disk.newest_epoch;
  node.synced = node.kept_from = node.end();
  node.source = nullptr;
  node.link = 0;
  node.own_name = false;
  node.keeps = !OneIn(8);  // It knows where it stands.
  if (!node.keeps) {
    node.history = History();
  } else if (node.leads()) {
    node.history.Branch(node.end());
    node.own_name = true;
  }
  if (!node.keeps || node.leads()) Rewrite(node);
}

void Group::DropFollowers(const Node& node) {
  for (Connection& at : connections_) {
    if (at.leader == Index(node)) at.leader_open = false;
  }
}

void Group::Promote(Node& node) {
  if (Connection* at = LinkOf(node)) at->follower_open = false;
  node.link = 0;
  node.leader = -1;
  node.own_name = false;
  top_leader_ = Index(node);
  if (epochs_) node.epoch = ++top_epoch_;
  Learn(node, node.epoch);
  node.history.Branch(node.end());
  node.keeps = true;
  Rewrite(node);
  DropFollowers(node);
}

// Whoever leads is chosen again.
void Group::Raise(Node& node) {
  if (!epochs_ || !node.leads() || Index(node) != top_leader_) return;
  node.epoch = ++top_epoch_;
  Learn(node, node.epoch);
  epochs_of_[node.history.id()].insert(node.epoch);
}

void Group::Tell(Node& node, size_t leader) {
  if (leader == Index(node) || node.leader == static_cast<int>(leader)) return;
  node.leader = static_cast<int>(leader);
  if (Connection* at = LinkOf(node)) at->follower_open = false;
  node.link = 0;
}

void Group::Trim(Node& node) {
  const int64_t kept = node.end() - node.kept_from;
  if (kept > kBacklog) node.kept_from = node.end() - static_cast<int64_t>(random_.Below(kBacklog));
}

void Group::Connect(Node& node) {
  if (node.leads() || LinkOf(node) != nullptr) return;
  const auto leader = static_cast<size_t>(node.leader);
  if (parted_.contains(std::minmax(Index(node), leader))) return;
  StreamHello hello{.epoch = node.newest_epoch};
  if (node.keeps) {
    const bool as_before = node.own_name && node.history.second_offset() == node.end() + 1;
    hello.history_id = as_before ? node.history.second_id() : node.history.id();
    hello.next_offset = node.end() + 1;
  }
  node.link = next_number_++;
  connections_.push_back({.number = node.link,
                          .follower = Index(node),
                          .leader = leader,
                          .leader_end = {},
                          .follower_end = FollowerEnd(hello, now_ms_)});
  connections_.back().at_hello = node.bytes;
  connections_.back().to_leader.emplace_back(hello);
}

// --- Checks
// ----------------------------------------------------------------------------------

void Group::Expect(bool true_thing, const std::string& otherwise) {
  if (!true_thing) violations_.push_back(fmt::format("at {} ms: {}", now_ms_, otherwise));
}

void Group::CheckPrefix(const Node& node) {
  Expect(
      StartsWith(written_[node.history.id()], node.bytes),
      fmt::format("prefix: node {} at {} has what its history has not", Index(node), node.end()));
}

// What is applied comes from the newest leader that was heard of, and counts as its.
void Group::CheckEpochOf(Node& node, const Connection& at) {
  const uint64_t epoch = at.follower_end.epoch();
  Expect(epoch >= node.seen_epoch, fmt::format("epoch: node {} applies what is of {}, and saw {}",
                                               Index(node), epoch, node.seen_epoch));
  Expect(epochs_of_[at.name].contains(epoch),
         fmt::format("epoch: nobody led this history in epoch {}", epoch));
  node.epoch = epoch;
  Learn(node, epoch);
}

void Group::CheckFull(const Connection& at, const StreamHello& hello) {
  const Node& leader = nodes_[at.leader];
  const bool same = hello.history_id == leader.history.id() ||
                    (hello.history_id == leader.history.second_id() &&
                     hello.next_offset <= leader.history.second_offset());
  const bool needed = !same || !leader.keeps || hello.next_offset <= leader.kept_from ||
                      !StartsWith(leader.bytes, at.at_hello);
  Expect(needed, fmt::format("full: node {} has {} bytes of the same, which are kept", at.follower,
                             hello.next_offset - 1));
}

bool Group::Converged() const {
  const Node& leader = nodes_[top_leader_];
  for (const Node& node : nodes_) {
    if (&node == &leader) continue;
    const bool linked =
        std::any_of(connections_.begin(), connections_.end(), [&](const Connection& at) {
          return at.number == node.link && at.follower_open && at.leader_open &&
                 at.leader_end.acknowledged() == leader.end();
        });
    if (!linked || node.bytes != leader.bytes || node.epoch != leader.epoch) return false;
  }
  return true;
}

// --- Time
// ------------------------------------------------------------------------------------

void Group::Advance(Connection& at) {
  switch (random_.Below(6)) {
    case 0:
      return DeliverToLeader(at);
    case 1:
      return DeliverToFollower(at);
    case 2:
      return Pump(at);
    case 3:
      FetchSnapshot(at);
      return Drain(at);
    case 4:
      return Acknowledge(at);
    default:
      // Each side hears of the end of the other some time.
      if (at.hangs) {
        if (OneIn(50)) at.leader_open = false;  // By the transport's own sign of life.
      } else if ((at.cut || !at.follower_open) && at.to_leader.empty()) {
        at.leader_open = false;
      } else if ((at.cut || !at.leader_open) && at.to_follower.empty() && at.follower_open) {
        CloseFollower(at, absl::UnavailableError("the connection broke"));
      }
      return CheckTimeouts(at);
  }
}

void Group::Step() {
  now_ms_ += static_cast<int64_t>(random_.Below(30));
  std::erase_if(connections_,
                [](const Connection& at) { return !at.follower_open && !at.leader_open; });
  Node& node = nodes_[SomeNode()];
  const uint64_t what = random_.Below(100);
  if (what < 80 && !connections_.empty()) {
    return Advance(connections_[random_.Below(connections_.size())]);
  }
  if (what < 86) return Write(nodes_[OneIn(4) ? Index(node) : top_leader_]);
  if (what < 92) return Connect(node);
  if (what < 96) return Sync(node);
  if (what < 98) return OneIn(4) ? Trim(node) : void();
  if (OneIn(2)) Fail(node);
}

void Group::Fail(Node& node) {
  switch (random_.Below(20)) {
    case 0:
    case 1:
      return Restart(node);
    case 2:
      return Promote(node);
    case 3:
      return Raise(node);
    case 4:
    case 5:
    case 6:
    case 7:
      // Some are told at once, some never; a few by whom they should not follow.
      if (OneIn(2)) Learn(node, top_epoch_);
      return Tell(node, OneIn(5) ? SomeNode() : top_leader_);
    case 8:
    case 9:
      node.source = nullptr;
      return;
    case 10:
      if (parted_.empty()) parted_.insert(std::minmax(Index(node), SomeNode()));
      return;
    case 11:
    case 12:
      return parted_.clear();
    default:
      return CutSome();
  }
}

void Group::CutSome() {
  if (connections_.empty()) return;
  Connection& at = connections_[random_.Below(connections_.size())];
  if (OneIn(4)) {
    at.hangs = true;
    return;
  }
  at.cut = true;
  if (OneIn(2)) at.to_follower.clear();
  if (OneIn(2)) at.to_leader.clear();
}

void Group::Settle() {
  parted_.clear();
  Node& leader = nodes_[OneIn(2) ? top_leader_ : SomeNode()];
  if (!leader.leads() || Index(leader) != top_leader_) Promote(leader);
  Raise(leader);
  size_t previous = top_leader_;
  for (Node& node : nodes_) {
    if (&node == &leader) continue;
    Tell(node, OneIn(3) ? previous : top_leader_);  // Some follow a follower.
    previous = Index(node);
  }
  for (int round = 0; round < kSettleRounds; ++round) {
    now_ms_ += kRoundMs;
    if (round % 50 == 0) Write(leader);
    for (Node& node : nodes_) {
      Connect(node);
      Sync(node);
    }
    for (size_t i = 0; i < connections_.size() * 12; ++i) {
      Advance(connections_[i % connections_.size()]);
    }
    std::erase_if(connections_,
                  [](const Connection& at) { return !at.follower_open && !at.leader_open; });
    if (Converged()) return;
  }
  Expect(false, "convergence: the followers do not have what the leader has");
}

}  // namespace henge::replication::simulation
