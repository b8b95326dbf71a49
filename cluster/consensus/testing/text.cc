// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/text.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <array>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::consensus::testing {

namespace {

constexpr std::array<std::string_view, kMessageKinds> kKinds = {
    "pre-vote",  "pre-vote-reply",  "vote",     "vote-reply",  "append",  "append-reply",
    "heartbeat", "heartbeat-reply", "snapshot", "timeout-now", "propose", "propose-reply",
    "read",      "read-reply",      "transfer"};

std::string Point(Index index, Term term) { return absl::StrCat(index, ".", term); }

}  // namespace

std::string Text(const Entry& entry) {
  std::string out = Point(entry.index, entry.term);
  switch (entry.kind) {
    case EntryKind::kNoop:
      break;
    case EntryKind::kCommand:
      absl::StrAppend(&out, ":", entry.data);
      break;
    case EntryKind::kSession:
      absl::StrAppend(&out, "$", entry.data);
      break;
    case EntryKind::kMembership:
      const std::optional<Membership> members = Membership::Decode(entry.data);
      absl::StrAppend(&out, "[", members ? Text(*members) : entry.data, "]");
      break;
  }
  return out;
}

std::string Text(std::span<const Entry> entries) {
  std::string out;
  for (const Entry& entry : entries) absl::StrAppend(&out, out.empty() ? "" : " ", Text(entry));
  return out;
}

std::string Text(const Membership& membership) {
  std::string out;
  for (const Member& member : membership.members())
    absl::StrAppend(&out, out.empty() ? "" : " ", member.voter ? "" : "+", member.id);
  return out;
}

std::string Text(const Message& m) {
  std::string out = absl::StrCat(Absl(Text(m.kind)), " ", m.from, "->", m.to);
  if (m.term != 0) absl::StrAppend(&out, " t", m.term);
  const bool vote = m.kind == MessageKind::kVote || m.kind == MessageKind::kPreVote;
  if (vote) absl::StrAppend(&out, " last=", Point(m.index, m.log_term));
  if (m.forced) out += " forced";
  if (m.kind == MessageKind::kAppend)
    absl::StrAppend(&out, " prev=", Point(m.index, m.log_term), " commit=", m.commit);
  if (m.kind == MessageKind::kHeartbeat) absl::StrAppend(&out, " commit=", m.commit);
  if (m.kind == MessageKind::kAppendReply && !m.refused) absl::StrAppend(&out, " at=", m.index);
  if (m.refused) out += " refused";
  if (m.kind == MessageKind::kAppendReply && m.refused && m.index != 0)
    absl::StrAppend(&out, "=", m.index, " hint=", Point(m.hint, m.log_term));
  if (m.context != 0) absl::StrAppend(&out, " context=", m.context);
  if (m.kind == MessageKind::kReadReply) absl::StrAppend(&out, " at=", m.index);
  if (m.refusal != Refusal::kNone) absl::StrAppend(&out, " ", Absl(Text(m.refusal)));
  if (m.target != kNobody) absl::StrAppend(&out, " target=", m.target);
  if (m.snapshot != nullptr)
    absl::StrAppend(&out, " upto=", Point(m.snapshot->index, m.snapshot->term));
  if (!m.entries.empty() && m.term != 0)
    absl::StrAppend(&out, " {", Text(std::span(m.entries)), "}");
  if (!m.entries.empty() && m.term == 0) absl::StrAppend(&out, " ", m.entries[0].data);
  return out;
}

std::string_view Text(Role role) {
  constexpr std::array<std::string_view, 4> kRoles = {"follower", "pre-candidate", "candidate",
                                                      "leader"};
  return kRoles[static_cast<size_t>(role)];
}

std::string_view Text(Refusal refusal) {
  constexpr std::array<std::string_view, 10> kRefusals = {
      "taken",         "no-leader", "transferring", "too-much", "not-yet",
      "not-caught-up", "invalid",   "duplicate",    "expired",  "broken"};
  return kRefusals[static_cast<size_t>(refusal)];
}

std::string_view Text(MessageKind kind) { return kKinds[static_cast<size_t>(kind)]; }

std::string_view Text(Progress::Mode mode) {
  constexpr std::array<std::string_view, 3> kModes = {"probe", "replicate", "snapshot"};
  return kModes[static_cast<size_t>(mode)];
}

std::optional<MessageKind> ParseMessageKind(std::string_view text) {
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == text) return static_cast<MessageKind>(i);
  }
  return std::nullopt;
}

std::optional<Membership> ParseMembership(std::string_view text) {
  std::vector<Member> members;
  for (const auto word : absl::StrSplit(Absl(text), ' ', absl::SkipEmpty())) {
    const bool learner = word[0] == '+';
    const std::optional<uint64_t> id = ParseUint64(Std(word.substr(learner ? 1 : 0)));
    if (!id) return std::nullopt;
    members.push_back({*id, !learner});
  }
  return Membership(std::move(members));
}

std::optional<Entry> ParseEntry(std::string_view text) {
  Entry entry;
  const size_t mark = text.find_first_of(":$[");
  const std::string_view point = text.substr(0, mark);
  const size_t dot = point.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto index = ParseUint64(point.substr(0, dot));
  const auto term = ParseUint64(point.substr(dot + 1));
  if (!index || !term) return std::nullopt;
  entry.index = *index;
  entry.term = *term;
  if (mark == std::string_view::npos) return entry;
  entry.data = text.substr(mark + 1);
  entry.kind = text[mark] == ':' ? EntryKind::kCommand : EntryKind::kSession;
  if (text[mark] != '[') return entry;
  entry.kind = EntryKind::kMembership;
  entry.data.pop_back();
  const std::optional<Membership> members = ParseMembership(entry.data);
  if (!members) return std::nullopt;
  entry.data = members->Encode();
  return entry;
}

}  // namespace henge::consensus::testing
