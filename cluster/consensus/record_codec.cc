// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/record_codec.h"

#include <memory>
#include <utility>

namespace henge::consensus {

namespace {

enum Flags : uint8_t { kRefused = 1, kForced = 2, kHasSnapshot = 4 };

}  // namespace

void WriteEntry(const Entry& entry, ByteWriter& out) {
  out.Number(entry.term);
  out.Number(entry.index);
  out.Byte(static_cast<uint8_t>(entry.kind));
  out.Number(entry.request.session);
  out.Number(entry.request.sequence);
  out.Number(entry.request.done_below);
  out.Text(entry.data);
}

Entry ReadEntry(ByteReader& in) {
  Entry entry;
  entry.term = in.Number();
  entry.index = in.Number();
  const uint8_t kind = in.Byte();
  if (kind > static_cast<uint8_t>(EntryKind::kMembership)) in.Refuse();
  entry.kind = static_cast<EntryKind>(kind);
  entry.request.session = in.Number();
  entry.request.sequence = in.Number();
  entry.request.done_below = in.Number();
  entry.data = in.Text();
  return entry;
}

std::string EncodeSnapshot(const Snapshot& snapshot) {
  ByteWriter out;
  out.Number(snapshot.index);
  out.Number(snapshot.term);
  out.Text(snapshot.members.Encode());
  out.Text(snapshot.ledger.Encode());
  out.Text(snapshot.state);
  return std::move(out).Take();
}

std::optional<Snapshot> DecodeSnapshot(std::string_view bytes) {
  ByteReader in(bytes);
  Snapshot snapshot;
  snapshot.index = in.Number();
  snapshot.term = in.Number();
  std::optional<Membership> members = Membership::Decode(in.View());
  std::optional<RequestLedger> ledger = RequestLedger::Decode(in.View());
  snapshot.state = in.Text();
  if (!in.AtEnd() || !members || !ledger) return std::nullopt;
  snapshot.members = *std::move(members);
  snapshot.ledger = *std::move(ledger);
  return snapshot;
}

std::string EncodeMessage(const Message& m) {
  ByteWriter out;
  out.Byte(static_cast<uint8_t>(m.kind));
  out.Byte(static_cast<uint8_t>((m.refused ? kRefused : 0) | (m.forced ? kForced : 0) |
                                (m.snapshot != nullptr ? kHasSnapshot : 0)));
  out.Byte(static_cast<uint8_t>(m.refusal));
  for (const uint64_t number :
       {m.from, m.to, m.term, m.index, m.log_term, m.hint, m.commit, m.context, m.target})
    out.Number(number);
  out.Number(m.entries.size());
  for (const Entry& entry : m.entries) WriteEntry(entry, out);
  if (m.snapshot != nullptr) out.Text(EncodeSnapshot(*m.snapshot));
  return std::move(out).Take();
}

std::optional<Message> DecodeMessage(std::string_view bytes) {
  ByteReader in(bytes);
  Message m;
  const uint8_t kind = in.Byte();
  const uint8_t flags = in.Byte();
  const uint8_t refusal = in.Byte();
  if (kind >= kMessageKinds || flags > (kRefused | kForced | kHasSnapshot) ||
      refusal > static_cast<uint8_t>(Refusal::kBroken))
    return std::nullopt;
  m.kind = static_cast<MessageKind>(kind);
  m.refused = (flags & kRefused) != 0;
  m.forced = (flags & kForced) != 0;
  m.refusal = static_cast<Refusal>(refusal);
  for (uint64_t* number :
       {&m.from, &m.to, &m.term, &m.index, &m.log_term, &m.hint, &m.commit, &m.context, &m.target})
    *number = in.Number();
  for (uint64_t left = in.Number(); left > 0 && in.ok(); --left) m.entries.push_back(ReadEntry(in));
  if ((flags & kHasSnapshot) != 0) {
    std::optional<Snapshot> snapshot = DecodeSnapshot(in.View());
    if (!snapshot) return std::nullopt;
    m.snapshot = std::make_shared<const Snapshot>(*std::move(snapshot));
  }
  // A term's messages carry its entries; a snapshot message has its snapshot.
  if (!in.AtEnd() || (m.kind == MessageKind::kSnapshot) != (m.snapshot != nullptr))
    return std::nullopt;
  return m;
}

}  // namespace henge::consensus
