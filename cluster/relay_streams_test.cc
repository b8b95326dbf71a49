// SPDX-License-Identifier: Apache-2.0
// The relay for real: gRPC servers in this process on ports of loopback.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/bus_server.h"
#include "cluster/relay.h"

namespace henge::cluster {
namespace {

constexpr int kNodes = 3;
constexpr auto kChannel = TopicKind::kChannel;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// A node reduced to its relay.
class Station final : public RelayListener {
 public:
  Station(int id, std::vector<PeerAddress>& all)
      : relay({.my_id = Id(id),
               .peers =
                   [this, &all, id] {
                     ++asked;
                     return Others(all, id);
                   }},
              *this) {
    auto started =
        BusServer::Start({.port = all[static_cast<size_t>(id)].bus_port}, {relay.service()});
    EXPECT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    // Only the first time: who comes back has the same, and others read it meanwhile.
    if (uint16_t& port = all[static_cast<size_t>(id)].bus_port; port == 0) port = server->port();
  }
  ~Station() override {
    relay.Stop();
    server.reset();
  }

  void OnRelayed(std::string_view channel, std::string_view payload) override {
    const std::lock_guard lock(mutex);
    got.push_back(std::string(channel) + " " + std::string(payload));
  }
  std::vector<std::string> Got() {
    const std::lock_guard lock(mutex);
    return got;
  }
  // Its peers know what it wants.
  bool Heard() { return relay.feed().Acknowledged(relay.feed().version()); }

  static std::vector<PeerAddress> Others(const std::vector<PeerAddress>& all, int id) {
    std::vector<PeerAddress> others = all;
    others.erase(others.begin() + id);
    return others;
  }

  std::atomic<int> asked{0};  // For its peers: in each round.
  std::mutex mutex;
  std::vector<std::string> got;
  Relay relay;
  std::unique_ptr<BusServer> server;
};

struct Stations {
  Stations() {
    for (int i = 0; i < kNodes; ++i) addresses.push_back({Id(i), "127.0.0.1", 0});
    for (int i = 0; i < kNodes; ++i) stations.push_back(std::make_unique<Station>(i, addresses));
    for (const auto& station : stations) station->relay.Start();
    EXPECT_TRUE(Eventually([&] { return Whole(); }));
  }
  bool Whole() {
    for (const auto& station : stations) {
      const RelayStats stats = station->relay.stats();
      if (stats.following != kNodes - 1 || stats.followers.followers != kNodes - 1) return false;
      if (!station->Heard()) return false;
    }
    return true;
  }
  Station& at(int i) { return *stations[static_cast<size_t>(i)]; }

  std::vector<PeerAddress> addresses;
  std::vector<std::unique_ptr<Station>> stations;
};

TEST(Relay, BringsMessagesInOrderToThoseWhoWantThem) {
  constexpr size_t kMessages = 5000;
  Stations s;
  s.at(1).relay.OnInterest(kChannel, "news", true);
  ASSERT_TRUE(Eventually([&] { return s.at(1).Heard(); }));
  std::vector<std::string> expected;
  for (size_t i = 0; i < kMessages; ++i) {
    s.at(0).relay.Publish("news", std::to_string(i));
    expected.push_back("news " + std::to_string(i));
  }
  ASSERT_TRUE(Eventually([&] { return s.at(1).Got().size() == kMessages; }));
  EXPECT_EQ(s.at(1).Got(), expected);
  EXPECT_TRUE(s.at(2).Got().empty());
  EXPECT_EQ(s.at(0).relay.stats().followers.sent, kMessages);
  EXPECT_EQ(s.at(1).relay.stats().received, kMessages);
}

TEST(Relay, CarriesALargeMessage) {
  Stations s;
  s.at(2).relay.OnInterest(kChannel, "large", true);
  ASSERT_TRUE(Eventually([&] { return s.at(2).Heard(); }));
  s.at(0).relay.Publish("large", std::string(size_t{20} << 20, 'x'));
  ASSERT_TRUE(Eventually([&] { return s.at(2).Got().size() == 1; }));
  EXPECT_EQ(s.at(2).Got()[0].size(), (size_t{20} << 20) + 6);
}

TEST(Relay, FollowsANodeThatCameBackAndIsFollowedByIt) {
  Stations s;
  s.at(1).relay.OnInterest(kChannel, "news", true);
  s.stations[0].reset();
  ASSERT_TRUE(Eventually([&] { return s.at(1).relay.stats().following == 1; }));
  s.stations[0] = std::make_unique<Station>(0, s.addresses);
  s.at(0).relay.OnInterest(kChannel, "news", true);
  s.at(0).relay.Start();
  ASSERT_TRUE(Eventually([&] { return s.Whole(); }));
  s.at(0).relay.Publish("news", "from 0");
  s.at(1).relay.Publish("news", "from 1");
  EXPECT_TRUE(Eventually([&] { return s.at(1).Got().size() == 1 && s.at(0).Got().size() == 1; }));
}

TEST(Relay, RefusesStrangers) {
  Stations s;
  std::vector<PeerAddress> with_stranger = s.addresses;
  with_stranger.push_back({Id(kNodes), "127.0.0.1", 0});
  Station stranger(kNodes, with_stranger);
  stranger.relay.OnInterest(kChannel, "news", true);
  stranger.relay.Start();
  ASSERT_TRUE(Eventually([&] { return stranger.asked >= 5; }));  // It has tried again and again.
  EXPECT_EQ(s.at(0).relay.stats().followers.followers, kNodes - 1);
  s.at(0).relay.Publish("news", "secret");
  EXPECT_TRUE(stranger.Got().empty());
}

}  // namespace
}  // namespace henge::cluster
