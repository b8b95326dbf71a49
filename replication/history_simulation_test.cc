// SPDX-License-Identifier: Apache-2.0
// Nodes that write, follow, are cut off, are promoted, restart empty and lose their backlog, under
// seeds. Whatever happens, a follower that goes on where it was has what its leader has.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "replication/history.h"

namespace henge::replication {
namespace {

constexpr size_t kNodes = 4;
constexpr int kSteps = 400;
constexpr int kNobody = -1;

// The whole stream stands for the data that it makes.
struct Node {
  History history;
  std::string stream;
  size_t kept_from = 0;  // What is before it is in no backlog.
  int leader = kNobody;
  bool connected = false;
  int64_t offset() const { return static_cast<int64_t>(stream.size()); }
};

class Group {
 public:
  explicit Group(uint64_t seed) : random_(seed), nodes_(kNodes) {}

  void Step() {
    const size_t at = random_.Below(kNodes);
    Node& node = nodes_[at];
    switch (random_.Below(8)) {
      case 0:
      case 1:
        return Write(node);
      case 2:
      case 3:
        return Deliver(node, 1 + random_.Below(5));
      case 4:
        node.connected = false;
        return;
      case 5:
        return Connect(at, random_.Below(kNodes));
      case 6:
        if (random_.Below(3) == 0) Promote(node);
        return;
      default:
        if (random_.Below(4) == 0) node.kept_from = node.stream.size() - Recent(node);
        if (random_.Below(20) == 0) node = Node();  // It restarts empty.
        for (Node& other : nodes_) other.connected = other.connected && other.leader != Index(node);
        return;
    }
  }

  // The leader of all, in the end: everybody follows it and has what it has.
  void Settle() {
    Promote(nodes_[0]);
    for (size_t i = 1; i < kNodes; ++i) {
      nodes_[i].leader = kNobody;
      nodes_[i].connected = false;
      Connect(i, 0);
      Deliver(nodes_[i], nodes_[0].stream.size() + 1);
      EXPECT_EQ(nodes_[i].stream, nodes_[0].stream);
    }
  }

  size_t partial = 0;
  size_t full = 0;

 private:
  int Index(const Node& node) const { return static_cast<int>(&node - nodes_.data()); }
  size_t Recent(const Node& node) { return random_.Below(node.stream.size() + 1); }

  void Write(Node& node) {
    if (node.leader != kNobody) return;
    for (uint64_t n = random_.Below(4); n > 0; --n) {
      node.stream += static_cast<char>('a' + random_.Below(26));
    }
  }

  void Deliver(Node& node, size_t most) {
    if (node.leader == kNobody || !node.connected) return;
    const Node& leader = nodes_[static_cast<size_t>(node.leader)];
    ASSERT_TRUE(leader.stream.starts_with(node.stream)) << "a link that was granted in error";
    node.stream += leader.stream.substr(node.stream.size(), most);
  }

  void Connect(size_t at, size_t to) {
    Node& node = nodes_[at];
    Node& leader = nodes_[to];
    // Nobody follows in a circle, nor one who is cut off himself.
    for (int i = static_cast<int>(to); i != kNobody; i = nodes_[static_cast<size_t>(i)].leader) {
      if (i == static_cast<int>(at)) return;
      if (nodes_[static_cast<size_t>(i)].leader != kNobody &&
          !nodes_[static_cast<size_t>(i)].connected) {
        return;
      }
    }
    node.leader = static_cast<int>(to);
    node.connected = true;
    const int64_t next = node.offset() + 1;
    const bool granted = leader.history.Includes(node.history.id(), next, leader.offset()) &&
                         static_cast<size_t>(next - 1) >= leader.kept_from;
    if (granted) {
      ++partial;
      ASSERT_TRUE(leader.stream.starts_with(node.stream))
          << node.history.id() << " at " << next << " is something else there";
      if (node.history.id() != leader.history.id()) {
        node.history.Rename(leader.history.id(), node.offset());
        Drop(node);
      }
    } else {
      ++full;
      node.stream = leader.stream;
      node.kept_from = node.stream.size();
      node.history.Adopt(leader.history.id());
      Drop(node);
    }
  }

  void Promote(Node& node) {
    if (node.leader == kNobody) return;
    node.leader = kNobody;
    node.connected = false;
    node.history.Branch(node.offset());
    Drop(node);
  }

  // Its followers hear its new name when they ask again.
  void Drop(const Node& node) {
    for (Node& other : nodes_) {
      if (other.leader == Index(node)) other.connected = false;
    }
  }

  Random random_;
  std::vector<Node> nodes_;
};

TEST(HistorySimulation, WhoGoesOnHasWhatTheLeaderHas) {
  size_t partial = 0;
  size_t full = 0;
  for (uint64_t seed = 1; seed <= 2000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Group group(seed);
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) group.Step();
    group.Settle();
    partial += group.partial;
    full += group.full;
  }
  EXPECT_GT(partial, full / 4) << "most of what is tested is in going on";
}

}  // namespace
}  // namespace henge::replication
