// SPDX-License-Identifier: Apache-2.0
#include "server/replication/stream_leader.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/cluster_member.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr int64_t kTokenMs = 30'000;
constexpr size_t kTokenDigits = 64;
constexpr int kPortsAbove = 10'000;  // As the bus of a cluster.
constexpr int kMostPort = 65'535;

}  // namespace

std::optional<StreamLeader::Invitation> StreamLeader::Invite() {
  const Replication& replication = node_.replication();
  if (!node_.parameters().repl_grpc.load() && !replication.governed()) return std::nullopt;
  const std::lock_guard lock(mu_);
  if (stopped_ || !Listens()) return std::nullopt;
  const UnixMillis now = SystemClock().NowMillis();
  absl::erase_if(tokens_, [&](const auto& entry) {
    return !entry.second.used && now - entry.second.given > kTokenMs;
  });
  Invitation invitation{bus_port_ != 0 ? bus_port_ : server_->port(), RandomHex(kTokenDigits)};
  tokens_[invitation.token].given = now;
  return invitation;
}

std::string StreamLeader::address() {
  const std::vector<std::string> hosts = BusHosts(node_.options().listen.bind);
  const std::string host = hosts.empty() ? "0.0.0.0" : hosts.front();
  const std::lock_guard lock(mu_);
  const int port = server_ != nullptr ? server_->port() : bus_port_;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

// REQUIRES: the mutex.
bool StreamLeader::Listens() {
  if (server_ != nullptr || bus_port_ != 0) return true;
  int port = static_cast<int>(node_.parameters().repl_grpc_port.load());
  if (port == 0) port = node_.options().listen.port + kPortsAbove;
  if (port > kMostPort || port == refused_port_) return false;
  auto server = cluster::BusServer::Start(
      {.hosts = BusHosts(node_.options().listen.bind), .port = static_cast<uint16_t>(port)},
      {replication::MakeStreamService(*this)});
  if (!server.ok()) {
    refused_port_ = port;  // Said once; followers come by Redis's protocol.
    LogWarning("Replication streams can't be served",
               {{"port", port}, {"error", Std(server.status().message())}});
    return false;
  }
  server_ = *std::move(server);
  LogNotice("Replication streams are served", {{"port", port}});
  return true;
}

void StreamLeader::Stop() {
  std::unique_ptr<cluster::BusServer> server;
  {
    const std::lock_guard lock(mu_);
    stopped_ = true;
    server = std::move(server_);
  }
}

bool StreamLeader::Knows(std::string_view token, bool used) {
  const std::lock_guard lock(mu_);
  const auto at = tokens_.find(token);
  if (at == tokens_.end() || at->second.used != used) return false;
  at->second.used = true;
  return used || SystemClock().NowMillis() - at->second.given <= kTokenMs;
}

absl::Status StreamLeader::OnFollow(const replication::StreamHello& hello,
                                    replication::FollowerStream& stream) {
  if (!Knows(hello.token, /*used=*/false)) {
    LogWarning("A stream was asked for with a token that is not ours", {{"peer", stream.peer()}});
    return absl::PermissionDeniedError("the token is not known");
  }
  absl::Status status = node_.replication().ServeStream(hello, stream);
  const std::lock_guard lock(mu_);
  tokens_.erase(hello.token);
  return status;
}

absl::Status StreamLeader::OnSnapshot(uint64_t snapshot, std::string_view token,
                                      absl::FunctionRef<bool(std::string_view)> send) {
  if (!Knows(token, /*used=*/true)) {
    LogWarning("A snapshot was asked for with a token that is not ours", {{"snapshot", snapshot}});
    return absl::PermissionDeniedError("the token is not known");
  }
  return node_.replication().SendSnapshot(snapshot, send);
}

}  // namespace henge::server
