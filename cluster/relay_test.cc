// SPDX-License-Identifier: Apache-2.0
// Nodes that relay messages to each other, without a network: a simulation under seeds, and what
// InterestFeed and Followers promise one by one.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/glob.h"
#include "base/random.h"
#include "cluster/followers.h"
#include "cluster/interest_feed.h"

namespace henge::cluster {
namespace {

constexpr auto kChannel = TopicKind::kChannel;
constexpr auto kPattern = TopicKind::kPattern;
constexpr size_t kPlenty = 1 << 20;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

// "+news" and "-n*": what a chunk says, sorted.
std::set<std::string> Said(const InterestChunk& chunk) {
  std::set<std::string> said;
  for (const InterestChange& change : chunk.changes) {
    said.insert((change.wanted ? "+" : "-") + change.name);
  }
  return said;
}

using Names = std::set<std::string>;

struct Feed : InterestFeed {
  Feed() : InterestFeed([this](StreamId stream) { woken.push_back(stream); }) {}
  std::vector<StreamId> woken;
};

TEST(InterestFeed, TellsAStreamAllAndThenWhatChanges) {
  Feed feed;
  feed.Change(kChannel, "news", true);
  feed.Change(kPattern, "n*", true);
  const StreamId stream = feed.Open();
  const InterestChunk first = feed.Take(stream, kPlenty);
  EXPECT_EQ(Said(first), (Names{"+news", "+n*"}));
  EXPECT_EQ(first.version, feed.version());
  EXPECT_TRUE(feed.Take(stream, kPlenty).empty());
  feed.Change(kChannel, "news", false);
  feed.Change(kChannel, "other", true);
  EXPECT_EQ(feed.woken, (std::vector<StreamId>{stream}));  // Once.
  EXPECT_EQ(Said(feed.Take(stream, kPlenty)), (Names{"-news", "+other"}));
}

TEST(InterestFeed, SaysAVersionEvenWhenNothingIsWanted) {
  Feed feed;
  const InterestChunk first = feed.Take(feed.Open(), kPlenty);
  EXPECT_TRUE(first.changes.empty());
  EXPECT_NE(first.version, 0u);
}

TEST(InterestFeed, ForgetsWhatUndoesItself) {
  Feed feed;
  const StreamId stream = feed.Open();
  for (int i = 0; i < 1000; ++i) {
    feed.Change(kChannel, std::to_string(i), true);
    feed.Change(kChannel, std::to_string(i), false);
  }
  EXPECT_TRUE(feed.Take(stream, kPlenty).changes.empty());
}

TEST(InterestFeed, TellsInParts) {
  Feed feed;
  for (int i = 0; i < 100; ++i) feed.Change(kChannel, std::to_string(i), true);
  const StreamId stream = feed.Open();
  size_t told = 0;
  uint64_t version = 0;
  for (int parts = 0; version == 0; ++parts) {
    ASSERT_LT(parts, 100);
    const InterestChunk chunk = feed.Take(stream, 500);
    told += chunk.changes.size();
    version = chunk.version;
  }
  EXPECT_EQ(told, 100u);
}

TEST(InterestFeed, WantsEverythingWhereANameIsTooLong) {
  Feed feed;
  const std::string a(InterestFeed::kMaxName + 1, 'a');
  const std::string b(InterestFeed::kMaxName + 1, 'b');
  feed.Change(kChannel, a, true);
  feed.Change(kChannel, b, true);
  feed.Change(kPattern, "*", true);
  const StreamId stream = feed.Open();
  EXPECT_EQ(Said(feed.Take(stream, kPlenty)), Names{"+*"});
  feed.Change(kChannel, a, false);
  feed.Change(kPattern, "*", false);
  EXPECT_TRUE(feed.Take(stream, kPlenty).empty());
  feed.Change(kChannel, b, false);
  EXPECT_EQ(Said(feed.Take(stream, kPlenty)), Names{"-*"});
}

TEST(InterestFeed, KnowsWhenAllHaveHeard) {
  Feed feed;
  const StreamId one = feed.Open();
  const StreamId two = feed.Open();
  feed.Change(kChannel, "c", true);
  const uint64_t version = feed.version();
  feed.OnAcknowledged(one, feed.Take(one, kPlenty).version);
  EXPECT_FALSE(feed.Acknowledged(version));
  feed.OnAcknowledged(two, feed.Take(two, kPlenty).version);
  EXPECT_TRUE(feed.Acknowledged(version));
  feed.Change(kChannel, "d", true);
  EXPECT_FALSE(feed.Acknowledged(feed.version()));
  feed.Close(one);
  feed.Close(two);
  EXPECT_TRUE(feed.Acknowledged(feed.version()));  // Nobody is there to hear.
}

TEST(InterestFeed, WaitsForThoseWhoAnswerInTime) {
  Feed feed;
  int heard = 0;
  const auto count = [&heard] { ++heard; };
  const StreamId one = feed.Open();
  const StreamId two = feed.Open();
  EXPECT_FALSE(feed.Await(count));  // Neither has answered yet.
  for (const StreamId stream : {one, two}) {
    feed.OnAcknowledged(stream, feed.Take(stream, kPlenty).version);
  }
  EXPECT_FALSE(feed.Await(count));  // Both know.
  feed.Change(kChannel, "c", true);
  EXPECT_TRUE(feed.Await(count));
  feed.OnAcknowledged(one, feed.Take(one, kPlenty).version);
  EXPECT_EQ(heard, 0);
  const uint64_t late = feed.Take(two, kPlenty).version;
  feed.GiveUp(feed.version());
  EXPECT_EQ(heard, 1);
  feed.Change(kChannel, "d", true);
  EXPECT_TRUE(feed.Await(count));
  feed.OnAcknowledged(one, feed.Take(one, kPlenty).version);
  EXPECT_EQ(heard, 2);  // The other is not waited for,
  const uint64_t all = feed.Take(two, kPlenty).version;
  feed.OnAcknowledged(two, late);
  EXPECT_FALSE(feed.Await(count));
  feed.OnAcknowledged(two, all);  // until it knows all.
  feed.Change(kChannel, "e", true);
  feed.OnAcknowledged(one, feed.Take(one, kPlenty).version);
  EXPECT_TRUE(feed.Await(count));
  feed.Close(two);
  EXPECT_EQ(heard, 3);
}

struct Peers : Followers {
  Peers() : Followers([this](StreamId stream) { woken.push_back(stream); }) {}
  void Want(StreamId stream, TopicKind kind, const std::string& name, bool wanted = true) {
    EXPECT_TRUE(OnChanges(stream, {{{kind, wanted, name}}, 0}));
  }
  std::vector<std::string> Payloads(StreamId stream, size_t max_bytes = kPlenty) {
    std::vector<std::string> payloads;
    const RelayBatch batch = *Take(stream, max_bytes);
    for (const RelayedMessageRef& message : batch.messages) {
      payloads.push_back(message->payload);
    }
    return payloads;
  }
  std::vector<StreamId> woken;
};

using Payloads = std::vector<std::string>;

TEST(Followers, GiveToThoseWhoWantItOnce) {
  Peers peers;
  const StreamId one = *peers.Open(Id(1), 1);
  const StreamId two = *peers.Open(Id(2), 1);
  peers.Publish("news", "nobody wants anything");
  peers.Want(one, kChannel, "news");
  peers.Want(one, kPattern, "n*");
  peers.Want(one, kPattern, "*s");
  peers.Want(two, kChannel, "other");
  EXPECT_EQ(peers.Payloads(one), Payloads{});
  peers.Publish("news", "a");
  peers.Publish("news", "b");
  EXPECT_EQ(peers.woken, (std::vector<StreamId>{one}));
  EXPECT_EQ(peers.Payloads(one), (Payloads{"a", "b"}));
  EXPECT_EQ(peers.Payloads(two), Payloads{});
  peers.Want(one, kPattern, "n*", false);
  peers.Want(one, kPattern, "*s", false);
  peers.Want(one, kChannel, "news", false);
  peers.Publish("news", "c");
  EXPECT_EQ(peers.Payloads(one), Payloads{});
  EXPECT_EQ(peers.stats().sent, 2u);
}

TEST(Followers, HaveOneStreamEachTheNewest) {
  Peers peers;
  const StreamId old = *peers.Open(Id(1), 10);
  peers.Want(old, kChannel, "c");
  peers.Publish("c", "lost");
  EXPECT_FALSE(peers.Open(Id(1), 9).has_value());
  EXPECT_FALSE(peers.Open(Id(1), 10).has_value());
  const StreamId now = *peers.Open(Id(1), 11);
  EXPECT_EQ(peers.woken.back(), old);
  EXPECT_FALSE(peers.Take(old, kPlenty).has_value());
  EXPECT_FALSE(peers.OnChanges(old, {}));
  peers.Publish("c", "nobody wants it yet");
  peers.Want(now, kChannel, "c");
  peers.Publish("c", "a");
  EXPECT_EQ(peers.Payloads(now), Payloads{"a"});
  EXPECT_EQ(peers.stats().dropped, 1u);
  EXPECT_EQ(peers.stats().followers, 1u);
}

TEST(Followers, DropWhatFindsAFullQueue) {
  Peers peers;
  peers.SetLimit(1000);
  const StreamId slow = *peers.Open(Id(1), 1);
  const StreamId quick = *peers.Open(Id(2), 1);
  for (const StreamId stream : {slow, quick}) peers.Want(stream, kChannel, "c");
  for (int i = 0; i < 100; ++i) {
    peers.Publish("c", std::string(100, 'x'));
    EXPECT_EQ(peers.Payloads(quick).size(), 1u);
  }
  const size_t kept = peers.Payloads(slow).size();
  EXPECT_GT(kept, 4u);
  EXPECT_EQ(peers.stats().dropped, 100 - kept);
  EXPECT_EQ(peers.stats().overflowed, 1u);
  EXPECT_EQ(peers.stats().queued_bytes, 0u);
  peers.Publish("c", std::string(5000, 'y'));  // A large one passes alone.
  EXPECT_EQ(peers.Payloads(slow).size(), 1u);
}

TEST(Followers, AreSentWhatFitsABatch) {
  Peers peers;
  const StreamId stream = *peers.Open(Id(1), 1);
  peers.Want(stream, kChannel, "c");
  for (const char* payload : {"a", "b", "c"}) peers.Publish("c", payload);
  EXPECT_EQ(peers.Payloads(stream, 1), Payloads{"a"});
  EXPECT_EQ(peers.Payloads(stream), (Payloads{"b", "c"}));
}

TEST(Followers, AreToldWhatWasHeard) {
  Peers peers;
  const StreamId stream = *peers.Open(Id(1), 1);
  EXPECT_TRUE(peers.Take(stream, kPlenty)->empty());
  EXPECT_TRUE(peers.OnChanges(stream, {{}, 7}));
  EXPECT_EQ(peers.woken, (std::vector<StreamId>{stream}));
  EXPECT_EQ(peers.Take(stream, kPlenty)->acknowledged, 7u);
  EXPECT_TRUE(peers.Take(stream, kPlenty)->empty());
}

// --- A network that loses, delays and doubles streams -------------------------------------------

// A message says who published it, where, and which of the publisher's it is.
struct Seen {
  int publisher;
  std::string channel;
  int number;
  auto operator<=>(const Seen&) const = default;
};

class Cluster {
 public:
  explicit Cluster(uint64_t seed) : random_(seed) {
    for (int i = 0; i < kNodes; ++i) nodes_.push_back(std::make_unique<Member>());
  }

  // Anything may happen.
  void Shake(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto node = static_cast<int>(random_.Below(kNodes));
      switch (random_.Below(12)) {
        case 0:
          Restart(node);
          break;
        case 1:
          Break();
          break;
        case 2:
          Follow(node, Other(node));
          break;
        case 3:
        case 4:
          ChangeInterest(node);
          break;
        case 5:
        case 6:
          Publish(node);
          break;
        default:
          Move();
          break;
      }
    }
  }

  // From here on nobody dies: each follows each, and all that was said arrives.
  void Calm() {
    for (int node = 0; node < kNodes; ++node) {
      for (int peer = 0; peer < kNodes; ++peer) {
        if (peer != node) Follow(node, peer);
      }
    }
    Settle();
    for (const auto& node : nodes_) node->got.clear();
    sent_.clear();
  }

  // As Shake, without deaths; interests change on channels that `watched` does not hold.
  void Talk(int steps, const std::string& watched) {
    for (int i = 0; i < steps; ++i) {
      const auto node = static_cast<int>(random_.Below(kNodes));
      if (random_.Below(4) == 0) {
        ChangeInterest(node, watched);
      } else if (random_.Below(2) == 0) {
        Publish(node);
      } else {
        Move();
      }
    }
    Settle();
  }

  void Want(int node, const std::string& name) { Set(node, kChannel, name, true); }

  // Everything published to a channel that a node wanted all along came there, in order; nothing
  // came twice, ever, or out of order.
  void Check(const std::string& watched, int watcher) {
    for (int i = 0; i < kNodes; ++i) {
      std::map<std::pair<int, std::string>, int> last;
      for (const Seen& seen : nodes_[i]->got) {
        auto [at, fresh] = last.try_emplace({seen.publisher, seen.channel}, -1);
        EXPECT_LT(at->second, seen.number) << "twice, or out of order";
        at->second = seen.number;
      }
    }
    std::multiset<Seen> expected, got;
    for (const Seen& seen : sent_) {
      if (seen.channel == watched && seen.publisher != watcher) expected.insert(seen);
    }
    for (const Seen& seen : nodes_[static_cast<size_t>(watcher)]->got) {
      if (seen.channel == watched) got.insert(seen);
    }
    EXPECT_EQ(expected, got);
  }

  // What each node knows of another's wishes is what the other wishes.
  void CheckInterests() {
    for (int node = 0; node < kNodes; ++node) {
      for (int peer = 0; peer < kNodes; ++peer) {
        if (node != peer) CheckInterest(node, peer);
      }
    }
  }

 private:
  static constexpr int kNodes = 3;
  static constexpr size_t kPart = 150;  // Bytes: of few changes, and few messages.

  struct Member {
    InterestFeed feed{[](StreamId) {}};
    Followers followers{[](StreamId) {}};
    std::array<std::set<std::string>, kTopicKinds> wants;
    std::vector<Seen> got;
    int published = 0;
  };

  // A stream: what is on its way in both directions, and where its ends are.
  struct Stream {
    int follower, leader;
    uint64_t number;
    StreamId at_follower;
    bool follower_open = true;
    std::optional<StreamId> at_leader;  // Set when the leader hears of it.
    bool leader_heard = false, leader_open = false;
    std::deque<InterestChunk> up;
    std::deque<RelayBatch> down;
  };

  int Other(int node) { return (node + 1 + static_cast<int>(random_.Below(kNodes - 1))) % kNodes; }
  std::string AnyName() { return std::string(1, static_cast<char>('a' + random_.Below(5))); }

  // As a node does: it closes its old stream to the peer, which may hear of that late.
  void Follow(int node, int peer) {
    for (Stream& stream : streams_) {
      if (stream.follower == node && stream.leader == peer) CloseFollower(stream);
    }
    streams_.push_back({.follower = node,
                        .leader = peer,
                        .number = ++number_,
                        .at_follower = nodes_[static_cast<size_t>(node)]->feed.Open()});
  }

  void CloseFollower(Stream& stream) {
    if (!std::exchange(stream.follower_open, false)) return;
    nodes_[static_cast<size_t>(stream.follower)]->feed.Close(stream.at_follower);
    stream.down.clear();
  }

  void CloseLeader(Stream& stream) {
    if (!std::exchange(stream.leader_open, false)) return;
    nodes_[static_cast<size_t>(stream.leader)]->followers.Close(*stream.at_leader);
  }

  void Break() {
    if (streams_.empty()) return;
    Stream& stream = streams_[random_.Below(streams_.size())];
    random_.Below(2) == 0 ? CloseFollower(stream) : CloseLeader(stream);
  }

  void Restart(int node) {
    for (Stream& stream : streams_) {
      if (stream.follower == node) CloseFollower(stream);
      if (stream.leader == node) {
        stream.leader_heard = true;
        CloseLeader(stream);
      }
    }
    auto fresh = std::make_unique<Member>();
    fresh->published = nodes_[static_cast<size_t>(node)]->published;
    nodes_[static_cast<size_t>(node)] = std::move(fresh);
  }

  void Set(int node, TopicKind kind, const std::string& name, bool wanted) {
    Member& member = *nodes_[static_cast<size_t>(node)];
    auto& wants = member.wants[static_cast<size_t>(kind)];
    if (wanted == wants.contains(name)) return;
    wanted ? void(wants.insert(name)) : void(wants.erase(name));
    member.feed.Change(kind, name, wanted);
  }

  void ChangeInterest(int node, const std::string& except = "") {
    const std::string name = AnyName();
    if (name == except) return;
    const bool pattern = random_.Below(4) == 0;
    Set(node, pattern ? kPattern : kChannel, pattern ? "[" + name + "-c]" : name,
        random_.Below(2) == 0);
  }

  void Publish(int node) {
    Member& member = *nodes_[static_cast<size_t>(node)];
    const Seen message{node, AnyName(), ++member.published};
    sent_.push_back(message);
    member.followers.Publish(message.channel,
                             std::to_string(node) + ":" + std::to_string(message.number));
  }

  // One end of one stream does one thing. Returns whether there was anything to do.
  bool Move() {
    if (streams_.empty()) return false;
    return MoveStream(streams_[random_.Below(streams_.size())]);
  }

  bool MoveStream(Stream& stream) {
    switch (random_.Below(4)) {
      case 0:
        return Speak(stream);
      case 1:
        return Hear(stream);
      case 2:
        return Send(stream);
      default:
        return Receive(stream);
    }
  }

  bool Speak(Stream& stream) {
    if (!stream.follower_open) return false;
    InterestChunk chunk =
        nodes_[static_cast<size_t>(stream.follower)]->feed.Take(stream.at_follower, kPart);
    if (chunk.empty()) return false;
    stream.up.push_back(std::move(chunk));
    return true;
  }

  bool Hear(Stream& stream) {
    Followers& followers = nodes_[static_cast<size_t>(stream.leader)]->followers;
    if (!stream.leader_heard) {
      if (stream.up.empty()) return false;
      stream.leader_heard = true;
      stream.at_leader = followers.Open(Id(stream.follower), stream.number);
      stream.leader_open = stream.at_leader.has_value();
    }
    if (!stream.leader_open) return false;
    if (stream.up.empty()) {
      if (!stream.follower_open) CloseLeader(stream);
      return false;
    }
    if (!followers.OnChanges(*stream.at_leader, stream.up.front())) CloseLeader(stream);
    stream.up.pop_front();
    return true;
  }

  bool Send(Stream& stream) {
    if (!stream.leader_open) return false;
    auto batch =
        nodes_[static_cast<size_t>(stream.leader)]->followers.Take(*stream.at_leader, kPart);
    if (!batch) CloseLeader(stream);
    if (!batch || batch->empty()) return false;
    if (stream.follower_open) stream.down.push_back(*std::move(batch));
    return true;
  }

  bool Receive(Stream& stream) {
    if (!stream.follower_open || stream.down.empty()) return false;
    Member& member = *nodes_[static_cast<size_t>(stream.follower)];
    const RelayBatch batch = std::move(stream.down.front());
    stream.down.pop_front();
    for (const RelayedMessageRef& message : batch.messages) {
      const size_t colon = message->payload.find(':');
      member.got.push_back({std::stoi(message->payload.substr(0, colon)), message->channel,
                            std::stoi(message->payload.substr(colon + 1))});
    }
    if (batch.acknowledged != 0) member.feed.OnAcknowledged(stream.at_follower, batch.acknowledged);
    return true;
  }

  void Settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (Stream& stream : streams_) {
        while (Speak(stream) || Hear(stream) || Send(stream) || Receive(stream)) moved = true;
      }
    }
  }

  void CheckInterest(int node, int peer) {
    Member& wishing = *nodes_[static_cast<size_t>(node)];
    Member& asked = *nodes_[static_cast<size_t>(peer)];
    EXPECT_TRUE(wishing.feed.Acknowledged(wishing.feed.version()));
    for (char c = 'a'; c <= 'e'; ++c) {
      const std::string name(1, c);
      bool wanted = wishing.wants[0].contains(name);
      for (const std::string& pattern : wishing.wants[1]) wanted |= GlobMatch(pattern, name);
      wishing.got.clear();
      asked.followers.Publish(name, std::to_string(peer) + ":0");
      Settle();
      EXPECT_EQ(wishing.got.size(), wanted ? 1u : 0u)
          << node << " asks " << peer << " for " << name;
    }
  }

  Random random_;
  std::vector<std::unique_ptr<Member>> nodes_;
  std::deque<Stream> streams_;
  std::vector<Seen> sent_;
  uint64_t number_ = 0;
};

TEST(RelaySimulation, LosesNothingAndDoublesNothingWhileNobodyDies) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Cluster cluster(seed);
    cluster.Shake(300);
    cluster.Check("", 0);
    cluster.Want(1, "b");
    cluster.Calm();
    cluster.Talk(300, "b");
    cluster.Check("b", 1);
    cluster.CheckInterests();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace henge::cluster
