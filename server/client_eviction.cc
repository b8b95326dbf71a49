// SPDX-License-Identifier: Apache-2.0
#include "server/client_eviction.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int64_t kIdleMs = 10;

struct Candidate {
  ClientId id;
  int64_t bytes;
};

bool MayBeEvicted(const commands::ClientState& client) {
  return !client.no_evict.load(kRelaxed) &&
         client.client_class.load(kRelaxed) != commands::ClientClass::kReplica;
}

}  // namespace

int64_t ClientEviction::LimitBytes() const {
  const int64_t wanted = limit.load(kRelaxed);
  if (wanted >= 0) return wanted;
  const auto all = static_cast<int64_t>(node_.store().settings().max_memory.load(kRelaxed));
  if (all == 0) return std::numeric_limits<int64_t>::max();  // A share of what has no limit.
  return all / 100 * -wanted;
}

void ClientEviction::Evict() {
  if (walking_.test_and_set(std::memory_order_acquire)) return;
  const UnixMillis now = SystemClock().NowMillis();
  if (now >= idle_until_ && CloseLargest() == 0) idle_until_ = now + kIdleMs;
  walking_.clear(std::memory_order_release);
}

uint64_t ClientEviction::CloseLargest() {
  const int64_t most = LimitBytes();
  int64_t total = 0;
  std::vector<Candidate> candidates;
  node_.clients().ForEach([&](Session& session) {
    const commands::ClientState& client = session.state();
    if (client.close_asap.load(kRelaxed)) return;
    const auto bytes = static_cast<int64_t>(client.total_memory.load(kRelaxed));
    total += bytes;
    if (MayBeEvicted(client)) candidates.push_back({client.id, bytes});
  });
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.bytes > b.bytes; });
  uint64_t evicted = 0;
  for (const Candidate& candidate : candidates) {
    if (total <= most) break;
    if (!node_.services().clients().Kill(candidate.id)) continue;
    total -= candidate.bytes;
    ++evicted;
    LogNotice("Client evicted", {{"id", candidate.id}, {"bytes", candidate.bytes}});
  }
  node_.server_stats().evicted_clients.fetch_add(evicted, kRelaxed);
  return evicted;
}

}  // namespace henge::server
