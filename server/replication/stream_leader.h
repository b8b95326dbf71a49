// SPDX-License-Identifier: Apache-2.0
// StreamLeader: where Henge's followers come for their streams: a gRPC server, which is started
// when the first of them asks on the client port, and the tokens that they are given there.
//
// A token is good for one stream and half a minute; who got it has said the password, if there is
// one. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "base/types.h"
#include "cluster/bus_server.h"
#include "replication/stream_server.h"

namespace henge::server {

class Node;

class StreamLeader final : public replication::StreamHandler {
 public:
  explicit StreamLeader(Node& node) : node_(node) {}

  // Where to go, and with what; nothing: there are no streams here.
  struct Invitation {
    int port = 0;
    std::string token;
  };
  std::optional<Invitation> Invite();
  void Stop();

  // Where followers come to, as far as the configuration tells it: "address:port".
  std::string address();

  // Where there is a bus the service is one of its: none is started here. `port`: of the bus.
  // Before anybody is served.
  std::shared_ptr<grpc::Service> Service() { return replication::MakeStreamService(*this); }
  void ServeAt(int port) { bus_port_ = port; }

 private:
  absl::Status OnFollow(const replication::StreamHello& hello,
                        replication::FollowerStream& stream) override;
  absl::Status OnSnapshot(uint64_t snapshot, std::string_view token,
                          absl::FunctionRef<bool(std::string_view)> send) override;
  // Whether it is one of ours, and young; it may be `used` once.
  bool Knows(std::string_view token, bool used);
  bool Listens();

  Node& node_;
  std::mutex mu_;  // Of all below.
  struct Token {
    UnixMillis given = 0;
    bool used = false;
  };
  StringMap<Token> tokens_;
  std::unique_ptr<cluster::BusServer> server_;
  int bus_port_ = 0;      // 0: there is no bus.
  int refused_port_ = 0;  // It could not listen there.
  bool stopped_ = false;
};

}  // namespace henge::server
