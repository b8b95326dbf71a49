// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/request_ledger.h"

#include <algorithm>
#include <utility>

#include "cluster/consensus/byte_codec.h"
#include "cluster/consensus/planted_bugs.h"

namespace henge::consensus {

Fate RequestLedger::FateOf(const RequestId& request) const {
  if (request.session == 0 || Planted(Bug::kNoLedger)) return Fate::kApply;
  const auto at = sessions_.find(request.session);
  if (at == sessions_.end()) return Fate::kExpired;
  const Session& session = at->second;
  if (request.sequence < session.settled_below) return Fate::kDuplicate;
  return session.applied.contains(request.sequence) ? Fate::kDuplicate : Fate::kApply;
}

Fate RequestLedger::Take(const RequestId& request, uint64_t index) {
  const Fate fate = FateOf(request);
  const auto at = sessions_.find(request.session);
  if (at == sessions_.end()) return fate;
  Session& session = at->second;
  session.used = index;
  if (fate == Fate::kApply) session.applied.insert(request.sequence);
  session.settled_below = std::max(session.settled_below, request.done_below);
  while (session.applied.size() > kMaxUnsettled)  // It never says what is done: the oldest are.
    session.settled_below = std::max(session.settled_below, *session.applied.begin() + 1),
    session.applied.erase(session.applied.begin());
  session.applied.erase(session.applied.begin(),
                        session.applied.lower_bound(session.settled_below));
  return fate;
}

void RequestLedger::Open(uint64_t index) {
  sessions_[index].used = index;
  if (sessions_.size() <= kMaxSessions) return;
  sessions_.erase(std::ranges::min_element(
      sessions_, {}, [](const auto& session) { return session.second.used; }));
}

std::string RequestLedger::Encode() const {
  ByteWriter out;
  out.Number(sessions_.size());
  for (const auto& [number, session] : sessions_) {
    out.Number(number);
    out.Number(session.settled_below);
    out.Number(session.used);
    out.Number(session.applied.size());
    for (const uint64_t sequence : session.applied) out.Number(sequence);
  }
  return std::move(out).Take();
}

std::optional<RequestLedger> RequestLedger::Decode(std::string_view bytes) {
  ByteReader in(bytes);
  RequestLedger ledger;
  const uint64_t count = in.Number();
  if (count > kMaxSessions) return std::nullopt;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    Session& session = ledger.sessions_[in.Number()];
    session.settled_below = in.Number();
    session.used = in.Number();
    const uint64_t applied = in.Number();
    if (applied > kMaxUnsettled) return std::nullopt;
    for (uint64_t j = 0; j < applied && in.ok(); ++j) session.applied.insert(in.Number());
    if (in.ok() && session.applied.size() != applied) return std::nullopt;
  }
  if (!in.AtEnd() || ledger.sessions_.size() != count) return std::nullopt;
  return ledger;
}

}  // namespace henge::consensus
