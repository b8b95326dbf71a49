// SPDX-License-Identifier: Apache-2.0
#include "cluster/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

namespace henge::cluster {
namespace {

bool IsIpLiteral(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

}  // namespace

std::string_view HostnameOf(const Node& node) {
  if (!node.hostname.empty()) return node.hostname;
  return node.host.empty() || IsIpLiteral(node.host) ? std::string_view() : node.host;
}

std::string_view EndpointOf(const Node& node, EndpointType type) {
  if (type == EndpointType::kIp) return node.host;
  if (type == EndpointType::kUnknown) return "";
  const std::string_view hostname = HostnameOf(node);
  return hostname.empty() ? "?" : hostname;
}

}  // namespace henge::cluster
