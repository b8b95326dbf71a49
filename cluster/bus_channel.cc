// SPDX-License-Identifier: Apache-2.0
#include "cluster/bus_channel.h"

#include <grpcpp/grpcpp.h>

#include <string>

namespace henge::cluster {
namespace {

constexpr int kReconnectMillis = 200;  // A peer that came back is seen within about a period.
constexpr int kMaxReconnectMillis = 1000;

std::string Target(const PeerAddress& peer) {
  const bool bare_ipv6 = peer.host.find(':') != std::string::npos && peer.host[0] != '[';
  const std::string host = bare_ipv6 ? "[" + peer.host + "]" : peer.host;
  return host + ":" + std::to_string(peer.bus_port);
}

}  // namespace

std::shared_ptr<grpc::Channel> ConnectToBus(const PeerAddress& peer, int max_message_bytes) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMillis);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMillis);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMillis);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kBusKeepaliveMillis);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kBusKeepaliveMillis);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, max_message_bytes);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // The bus never goes through http_proxy.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(Target(peer), grpc::InsecureChannelCredentials(), args);
}

}  // namespace henge::cluster
