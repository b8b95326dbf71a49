// SPDX-License-Identifier: Apache-2.0
// civetweb itself rather than prometheus-cpp's Exposer, which can only answer 200.
#include "server/observability/http_endpoint.h"

#include <absl/strings/str_cat.h>
#include <civetweb.h>
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/strings.h"
#include "server/node.h"
#include "server/observability/log_text.h"
#include "server/observability/metrics.h"

namespace henge::server {
namespace {

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kJsonType = "application/json";

struct Answer {
  int status = 200;
  std::string_view type;
  std::string body;
};

std::string_view ReasonPhrase(int status) {
  return status == 200 ? "OK" : status == 405 ? "Method Not Allowed" : "Service Unavailable";
}

Answer Metrics(Node& node) { return {200, kMetricsType, NodeMetrics(node).Text()}; }

Answer Health(Node&) { return {200, kJsonType, "{\"status\":\"ok\"}\n"}; }

Answer Ready(Node& node) {
  const std::string_view reason = node.NotReady();
  if (reason.empty()) return {200, kJsonType, "{\"status\":\"ready\"}\n"};
  return {503, kJsonType, fmt::format("{{\"status\":\"not ready\",\"reason\":\"{}\"}}\n", reason)};
}

void Send(mg_connection* connection, const Answer& answer, bool with_body) {
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "Connection: close\r\n\r\n",
      answer.status, ReasonPhrase(answer.status), answer.type, answer.body.size());
  mg_write(connection, head.data(), head.size());
  if (with_body) mg_write(connection, answer.body.data(), answer.body.size());
}

template <Answer (*Make)(Node&)>
int Handle(mg_connection* connection, void* node) {
  const mg_request_info* request = mg_get_request_info(connection);
  const std::string_view method = request->request_method;
  const bool head = method == "HEAD";
  const Answer answer = method == "GET" || head
                            ? Make(*static_cast<Node*>(node))
                            : Answer{405, kJsonType, "{\"error\":\"GET or HEAD\"}\n"};
  Send(connection, answer, !head);
  return answer.status;
}

// civetweb's notation: host:port, the host of IPv6 in brackets.
std::string Ports(const HttpOptions& options) {
  std::string ports;
  for (std::string host : options.bind) {
    if (host.starts_with('-')) host.erase(0, 1);
    if (host == "*") host = "0.0.0.0";
    if (host.find(':') != host.npos) host = absl::StrCat("[", host, "]");
    absl::StrAppend(&ports, ports.empty() ? "" : ",", host, ":", options.port);
  }
  return ports.empty() ? absl::StrCat("127.0.0.1:", options.port) : ports;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(Node& node,
                                                                  const HttpOptions& options) {
  const std::string ports = Ports(options);
  const std::array<const char*, 9> settings = {
      "listening_ports", ports.c_str(),       "num_threads", "2",    "request_timeout_ms",
      "10000",           "enable_keep_alive", "no",          nullptr};
  std::array<char, 256> error{};
  unsigned code = 0;
  mg_error_data error_data{&code, error.data(), error.size()};
  mg_callbacks callbacks{};
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
  mg_init_data init{&callbacks, &node, const_cast<const char**>(settings.data())};
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint);
  endpoint->context_ = mg_start2(&init, &error_data);
  if (endpoint->context_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("metrics-port: can't listen on ", ports, ": ", error.data()));
  }
  mg_set_request_handler(endpoint->context_, "/metrics$", Handle<Metrics>, &node);
  mg_set_request_handler(endpoint->context_, "/health$", Handle<Health>, &node);
  mg_set_request_handler(endpoint->context_, "/ready$", Handle<Ready>, &node);
  return endpoint;
}

HttpEndpoint::~HttpEndpoint() {
  if (context_ != nullptr) mg_stop(context_);
}

}  // namespace henge::server
