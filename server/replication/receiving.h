// SPDX-License-Identifier: Apache-2.0
// Receiving: a full sync's data comes and is loaded, as long as this lives. With repl-diskless-load
// swapdb clients, INFO and CONFIG SET are told so: what is here is an older state of the same
// history, and shown; or is of another one, and not.
#pragma once

#include <string_view>

namespace henge::server {

class Node;

class Receiving {
 public:
  Receiving(Node& node, std::string_view history_id);
  ~Receiving();
  Receiving(const Receiving&) = delete;
  Receiving& operator=(const Receiving&) = delete;

 private:
  Node& node_;
  const bool aside_;
  const bool known_;
};

}  // namespace henge::server
