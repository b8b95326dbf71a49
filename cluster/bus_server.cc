// SPDX-License-Identifier: Apache-2.0
#include "cluster/bus_server.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "cluster/bus_channel.h"

namespace henge::cluster {
namespace {

std::string Address(const std::string& host, uint16_t port) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && host[0] != '[';
  return bare_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

}  // namespace

struct BusServer::Running {
  std::vector<std::shared_ptr<grpc::Service>> services;  // Outlive the server.
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

absl::StatusOr<std::unique_ptr<BusServer>> BusServer::Start(
    const BusServerOptions& options, std::vector<std::shared_ptr<grpc::Service>> services) {
  if (options.hosts.empty() || services.empty()) {
    return absl::InvalidArgumentError("the bus needs an address and a service");
  }
  auto running = std::make_unique<Running>();
  running->services = std::move(services);
  grpc::ServerBuilder builder;
  // With SO_REUSEPORT a second server would share the port in silence.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kBusKeepaliveMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kBusKeepaliveMillis);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kBusKeepaliveMillis / 2);  // Of the peers, which ask as often.
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  std::vector<int> bound(options.hosts.size());  // Filled at BuildAndStart.
  for (size_t i = 0; i < options.hosts.size(); ++i) {
    builder.AddListeningPort(Address(options.hosts[i], options.port),
                             grpc::InsecureServerCredentials(), &bound[i]);
  }
  for (const auto& service : running->services) builder.RegisterService(service.get());
  running->server = builder.BuildAndStart();
  for (size_t i = 0; i < bound.size(); ++i) {
    if (running->server == nullptr || bound[i] == 0) {
      return absl::UnavailableError(absl::StrCat(
          "cannot listen on ", Address(options.hosts[i], options.port), " for the bus"));
    }
  }
  running->port = bound[0];
  return std::unique_ptr<BusServer>(new BusServer(std::move(running)));
}

BusServer::BusServer(std::unique_ptr<Running> running) : running_(std::move(running)) {}

BusServer::~BusServer() { Stop(); }

uint16_t BusServer::port() const { return static_cast<uint16_t>(running_->port); }

void BusServer::Stop() {
  running_->server->Shutdown(std::chrono::system_clock::now());
  running_->server->Wait();
}

}  // namespace henge::cluster
