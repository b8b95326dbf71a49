// SPDX-License-Identifier: Apache-2.0
// The bus for real: gRPC servers in this process on ports of loopback.
#include "cluster/heartbeat.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "cluster/bus_server.h"
#include "cluster/cluster_state.h"
#include "cluster/testing/free_port.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 1000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TopologyPtr Members(const std::vector<uint16_t>& bus_ports) {
  std::vector<Node> nodes;
  for (size_t i = 0; i < bus_ports.size(); ++i) {
    nodes.push_back({.id = Id(static_cast<int>(i)),
                     .host = "127.0.0.1",
                     .port = static_cast<uint16_t>(1 + i),
                     .bus_port = bus_ports[i]});
  }
  return *Topology::FromMembers(std::move(nodes));
}

// A node reduced to its part on the bus.
struct Station {
  Station(int i, const TopologyPtr& topology)
      : state(*ClusterState::Make({.my_id = Id(i), .node_timeout_ms = 300}, topology)) {
    Listen(topology->Find(Id(i))->bus_port);
    heartbeat =
        std::make_unique<Heartbeat>(*state, HeartbeatOptions{.period_ms = 20, .deadline_ms = 500});
  }

  void Listen(uint16_t port) {
    auto started = BusServer::Start({.port = port}, {MakePingService(*state)});
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
  }

  bool Connected() const {
    for (const PeerLink& link : state->Links()) {
      if (!link.connected) return false;
    }
    return true;
  }

  std::unique_ptr<ClusterState> state;
  std::unique_ptr<BusServer> server;
  std::unique_ptr<Heartbeat> heartbeat;  // Stops before the server, the server before the state.
};

TEST(Heartbeat, TwoNodesSeeEachOther) {
  const TopologyPtr topology = Members({FreePort(), FreePort()});
  Station a(0, topology);
  Station b(1, topology);
  ASSERT_TRUE(Eventually([&] { return a.Connected() && b.Connected(); }));
  const PeerLink link = a.state->Links()[0];
  EXPECT_TRUE(link.agrees);
  EXPECT_EQ(link.topology_version, 1u);
  EXPECT_GT(link.pong_received, 0);
  EXPECT_TRUE(Eventually([&] { return a.state->bus_stats().pings_received > 2; }));
  EXPECT_EQ(a.state->health(), ClusterHealth::kOk);
}

TEST(Heartbeat, ALostPeerShowsAndComesBack) {
  const uint16_t port = FreePort();
  const TopologyPtr topology = Members({FreePort(), port});
  Station a(0, topology);
  auto b = std::make_unique<Station>(1, topology);
  ASSERT_TRUE(Eventually([&] { return a.Connected(); }));
  b.reset();
  ASSERT_TRUE(Eventually([&] { return !a.Connected(); }));
  ASSERT_TRUE(Eventually([&] { return a.state->health() == ClusterHealth::kFail; }));
  EXPECT_FALSE(a.state->Links()[0].error.empty());
  b = std::make_unique<Station>(1, topology);
  ASSERT_TRUE(Eventually([&] { return a.Connected(); }));
  ASSERT_TRUE(Eventually([&] { return a.state->health() == ClusterHealth::kOk; }));
}

TEST(Heartbeat, TopologyVersionsTravel) {
  const TopologyPtr topology = Members({FreePort(), FreePort()});
  Station a(0, topology);
  Station b(1, topology);
  ASSERT_TRUE(b.state->Adopt(*Apply(*b.state->topology(), BumpEpoch{Id(1)})).ok());
  ASSERT_TRUE(Eventually([&] {
    const PeerLink link = a.state->Links()[0];
    return link.topology_version == 2 && link.epoch == 3 && !link.agrees;
  }));
}

TEST(Heartbeat, StrangersAreRefused) {
  const uint16_t port_a = FreePort();
  const uint16_t port_b = FreePort();
  Station a(0, Members({port_a}));
  Station b(1, Members({port_a, port_b}));  // Believes in a, which does not know it.
  ASSERT_TRUE(Eventually(
      [&] { return b.state->Links()[0].error.find("not a member") != std::string::npos; }));
  EXPECT_FALSE(b.Connected());
}

TEST(Heartbeat, AnotherNodeAtTheAddressIsNoPeer) {
  const uint16_t shared = FreePort();
  const uint16_t port_a = FreePort();
  Station a(0, Members({port_a, shared, FreePort()}));
  Station c(2, Members({port_a, FreePort(), shared}));  // Listens where a expects node 1.
  ASSERT_TRUE(Eventually([&] {
    for (const PeerLink& link : a.state->Links()) {
      if (link.id == Id(1)) return link.error.find("another node") != std::string::npos;
    }
    return false;
  }));
}

TEST(Heartbeat, StopsWhileAPingIsOnItsWay) {
  // A socket that accepts and never answers: the call waits until it is cancelled.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 4), 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const auto state =
      *ClusterState::Make({.my_id = Id(0)}, Members({FreePort(), ntohs(address.sin_port)}));
  const auto start = std::chrono::steady_clock::now();
  {
    const Heartbeat heartbeat(*state, {.period_ms = 20, .deadline_ms = 60'000});
    ASSERT_TRUE(Eventually([&] { return state->bus_stats().pings_sent == 1; }));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  EXPECT_EQ(state->bus_stats().pings_failed, 1u);
  close(fd);
}

TEST(BusServer, RefusesAPortInUse) {
  const auto state = ClusterState::Standalone(Id(0));
  auto first = BusServer::Start({}, {MakePingService(*state)});
  ASSERT_TRUE(first.ok());
  EXPECT_GT((*first)->port(), 0);
  const auto second = BusServer::Start({.port = (*first)->port()}, {MakePingService(*state)});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

TEST(BusServer, RefusesToServeNothing) {
  EXPECT_FALSE(BusServer::Start({}, {}).ok());
  const auto state = ClusterState::Standalone(Id(0));
  EXPECT_FALSE(BusServer::Start({.hosts = {}}, {MakePingService(*state)}).ok());
}

}  // namespace
}  // namespace henge::cluster
