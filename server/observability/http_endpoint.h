// SPDX-License-Identifier: Apache-2.0
// HttpEndpoint: a small HTTP server beside the client port, for what watches over a node:
//
//     /metrics   Prometheus's text format
//     /health    200 while the process can answer at all
//     /ready     200 while clients are served, else 503 with the reason
//
// Its own two threads; they read atomics and take leaf locks only, and so cost the workers nothing.
// Destroy it before the node's parts.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

struct mg_context;

namespace henge::server {

class Node;

struct HttpOptions {
  std::vector<std::string> bind;
  int port = 0;  // 0: none.
};

class HttpEndpoint {
 public:
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(Node& node,
                                                             const HttpOptions& options);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

 private:
  HttpEndpoint() = default;
  mg_context* context_ = nullptr;
};

}  // namespace henge::server
