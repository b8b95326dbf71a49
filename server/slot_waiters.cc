// SPDX-License-Identifier: Apache-2.0
#include "server/slot_waiters.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/blocked_call.h"
#include "server/node.h"
#include "server/session.h"
#include "server/slot_gate.h"

namespace henge::server {
namespace {

struct Waiting {
  std::shared_ptr<BlockedCall> call;
  bool readonly;
};

// Where reads are allowed while the cluster is down, nothing comes for who waits all the same.
std::string Refusal(Node& node, const Waiting& waiting) {
  const int slot = SlotOf(waiting.call->keys());
  const SlotRequest request = {.slot = slot,
                               .first_slot = slot,
                               .writes = (waiting.call->spec().flags & commands::kWrite) != 0,
                               .asking = true,  // Of a slot that comes here, keys come, too.
                               .readonly = waiting.readonly};
  if (ServesSlot(*node.cluster(), request)) return {};
  return RefuseSlot(*node.cluster(), request, {}, [] { return KeysHere{}; });
}

}  // namespace

void RedirectWaiters(Node& node, const cluster::SlotSet& slots) {
  std::vector<Waiting> all;
  node.clients().ForEach([&](Session& session) {
    std::shared_ptr<BlockedCall> call = session.blocked_call();
    if (call == nullptr || call->keys().empty() || !slots.test(call->keys().front().slot)) return;
    all.push_back({std::move(call), session.state().readonly.load(std::memory_order_relaxed)});
  });
  for (const Waiting& waiting : all) {
    std::string refusal = Refusal(node, waiting);
    if (refusal.empty() || !waiting.call->End()) continue;
    node.clients().RunOn(waiting.call->client(),
                         [call = waiting.call, text = std::move(refusal)](Session& session) {
                           session.EndWait(*call, text);
                         });
  }
}

}  // namespace henge::server
