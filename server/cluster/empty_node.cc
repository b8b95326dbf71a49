// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/empty_node.h"

#include <chrono>
#include <future>
#include <memory>

#include "server/dispatch.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr std::chrono::milliseconds kLookAgain{20};

}  // namespace

bool EmptyByItself(Node& node, const std::function<bool()>& given_up) {
  if (node.replication().part() != GroupPart::kLeads) return false;
  const auto told = std::make_shared<std::promise<bool>>();
  std::future<bool> emptied = told->get_future();
  node.workers()[0]->Post(
      [&node, told] { told->set_value(node.dispatchers()[0]->EmptyIfLeading()); });
  while (emptied.wait_for(kLookAgain) != std::future_status::ready) {
    if (given_up()) return false;
  }
  return emptied.get();
}

}  // namespace henge::server
