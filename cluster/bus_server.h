// SPDX-License-Identifier: Apache-2.0
// The listening end of the bus: one gRPC server on the node's bus port, for whatever services the
// modules of this node bring. Start and Stop from one thread; the services run on gRPC's threads.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace grpc {
class Service;
}

namespace henge::cluster {

struct BusServerOptions {
  std::vector<std::string> hosts = {"127.0.0.1"};  // Addresses to listen on.
  uint16_t port = 0;                               // 0: any free port, of the first host alone.
  int max_message_bytes = 4 << 20;
};

class BusServer {
 public:
  // Refuses an address that is in use, and an empty list of hosts or services.
  static absl::StatusOr<std::unique_ptr<BusServer>> Start(
      const BusServerOptions& options, std::vector<std::shared_ptr<grpc::Service>> services);

  ~BusServer();  // As Stop.
  BusServer(const BusServer&) = delete;
  BusServer& operator=(const BusServer&) = delete;

  uint16_t port() const;

  // Ends the calls that run and returns when the services are no longer in use.
  void Stop();

 private:
  struct Running;
  explicit BusServer(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace henge::cluster
