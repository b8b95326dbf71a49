// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/exploration.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/sha1.h"
#include "base/strings.h"
#include "cluster/consensus/testing/text.h"

namespace henge::consensus::testing {

namespace {

struct State {
  Oracle::Nodes nodes;
  std::vector<Message> network;
  Oracle oracle;
  Scope left;
  int proposed = 0;
  size_t changed = 0;
};

struct Action {
  enum class Kind : uint8_t {
    kDeliver,
    kDouble,
    kCampaign,
    kPropose,
    kCrash,
    kHeartbeat,
    kCompact,
    kChange,
    kSync,
  };
  Kind kind = Kind::kDeliver;
  size_t which = 0;  // A message's place, or a node.
};

State Begin(const Scope& scope) {
  State state;
  state.left = scope;
  auto first = std::make_shared<Snapshot>();
  first->members = *ParseMembership(scope.members);
  const auto add = [&](PeerId id, SnapshotPtr snapshot) {
    RaftOptions options{.id = id, .seed = id, .pre_vote = scope.pre_vote, .check_quorum = false};
    if (scope.one_by_one) options.max_append_bytes = 0;
    Disk disk;
    disk.snapshot = std::move(snapshot);
    for (const Scope::Start& start : scope.disks) {
      if (start.id != id) continue;
      disk.hard = start.hard;
      for (const auto word : absl::StrSplit(start.log, ' ', absl::SkipEmpty()))
        disk.entries.push_back(*ParseEntry(Std(word)));
    }
    state.nodes.insert_or_assign(id, TestNode(options, std::move(disk)));
  };
  for (const Member& member : first->members.members()) add(member.id, first);
  const Membership joining = *ParseMembership(scope.joining);
  for (const Member& member : joining.members()) add(member.id, std::make_shared<Snapshot>());
  return state;
}

void Flush(State& state, PeerId id) {
  TestNode& node = state.nodes.at(id);
  state.oracle.Look(state.nodes, id);
  while (node.BeginWrite()) {
    state.oracle.Look(state.nodes, id);
    if (state.left.slow_disks && node.in_writing()->must_sync) return;
    for (Message& message : node.EndWrite()) state.network.push_back(std::move(message));
    state.oracle.Look(state.nodes, id);
  }
}

void AddActionsOf(const State& state, PeerId id, std::vector<Action>& out) {
  using Kind = Action::Kind;
  const TestNode& node = state.nodes.at(id);
  const Raft& raft = node.raft();
  const Scope& left = state.left;
  const bool leads = raft.role() == Role::kLeader;
  if (node.writing()) out.push_back({Kind::kSync, id});
  if (!left.campaigns.empty() && left.campaigns.front() == id && !leads)
    out.push_back({Kind::kCampaign, id});
  if (left.proposals > 0 && leads) out.push_back({Kind::kPropose, id});
  if (state.changed < left.changes.size() && leads) out.push_back({Kind::kChange, id});
  if (left.heartbeats > 0 && leads) out.push_back({Kind::kHeartbeat, id});
  if (left.crashes > 0) out.push_back({Kind::kCrash, id});
  if (left.compactions > 0 && !node.writing() && raft.log().applied() > raft.snapshot()->index)
    out.push_back({Kind::kCompact, id});
}

std::vector<Action> Actions(const State& state) {
  std::vector<Action> out;
  for (const auto& [id, node] : state.nodes) AddActionsOf(state, id, out);
  std::vector<std::string> seen;
  for (size_t i = 0; i < state.network.size(); ++i) {
    std::string text = Text(state.network[i]);
    if (std::ranges::find(seen, text) != seen.end()) continue;
    seen.push_back(std::move(text));
    out.push_back({Action::Kind::kDeliver, i});
    if (state.left.doubles > 0) out.push_back({Action::Kind::kDouble, i});
  }
  return out;
}

// What happens; the node it happened to.
PeerId Do(State& state, const Action& action) {
  using Kind = Action::Kind;
  if (action.kind == Kind::kDeliver || action.kind == Kind::kDouble) {
    const Message message = state.network[action.which];
    if (action.kind == Kind::kDeliver)
      state.network.erase(state.network.begin() + static_cast<ptrdiff_t>(action.which));
    else
      --state.left.doubles;
    if (!state.nodes.contains(message.to)) return kNobody;
    state.nodes.at(message.to).raft().Step(message);
    return message.to;
  }
  const PeerId id = action.which;
  TestNode& node = state.nodes.at(id);
  switch (action.kind) {
    case Kind::kCampaign:
      state.left.campaigns.erase(state.left.campaigns.begin());
      node.raft().Campaign();
      break;
    case Kind::kPropose:
      --state.left.proposals;
      node.raft().Propose({}, absl::StrCat("p", ++state.proposed));
      break;
    case Kind::kChange:
      if (node.raft().ChangeMembership({}, state.left.changes[state.changed]) == Refusal::kNone)
        ++state.changed;
      break;
    case Kind::kHeartbeat:
      --state.left.heartbeats;
      node.raft().Tick();
      break;
    case Kind::kCompact:
      --state.left.compactions;
      node.Compact(0);
      break;
    case Kind::kSync:
      for (Message& message : node.EndWrite()) state.network.push_back(std::move(message));
      break;
    default:
      --state.left.crashes;
      node.Crash();
      node.Start();
      state.oracle.Forget(id);
  }
  return id;
}

std::string Describe(const State& state, const Action& action) {
  constexpr std::array<std::string_view, 9> kNames = {"deliver", "double", "campaign",
                                                      "propose", "crash",  "heartbeat",
                                                      "compact", "change", "sync"};
  const std::string_view name = kNames[static_cast<size_t>(action.kind)];
  const bool message =
      action.kind == Action::Kind::kDeliver || action.kind == Action::Kind::kDouble;
  return absl::StrCat(Absl(name), " ",
                      message ? Text(state.network[action.which]) : absl::StrCat(action.which));
}

// Two states with one fingerprint have one future.
std::array<uint64_t, 2> Fingerprint(const State& state) {
  std::string text = state.oracle.Fingerprint();
  for (const auto& [id, node] : state.nodes) {
    absl::StrAppend(&text, "|", node.raft().Fingerprint(), "|", node.disk().hard.term, " ",
                    node.disk().hard.vote, " ", node.disk().hard.commit, " ",
                    node.disk().snapshot->index, " ", Text(std::span(node.disk().entries)));
    const Ready* ready = node.in_writing();
    if (ready == nullptr) continue;
    for (const Message& message : ready->messages) absl::StrAppend(&text, Text(message), ";");
    absl::StrAppend(&text, Text(std::span(ready->entries)));
  }
  std::vector<std::string> messages;
  for (const Message& message : state.network) messages.push_back(Text(message));
  std::ranges::sort(messages);
  for (const std::string& message : messages) absl::StrAppend(&text, "\n", message);
  const Scope& left = state.left;
  absl::StrAppend(&text, "\n", left.campaigns.size(), " ", left.proposals, " ", left.crashes, " ",
                  left.doubles, " ", left.heartbeats, " ", left.compactions, " ", state.changed);
  const size_t half = text.size() / 2;
  return {std::hash<std::string>()(text),
          std::hash<std::string_view>()(std::string_view(text).substr(half)) * 31 + text.size()};
}

struct Frame {
  State state;
  std::vector<Action> actions;
  size_t next = 0;
};

}  // namespace

ExplorationResult Explore(const Scope& scope, uint64_t max_states) {
  ExplorationResult result;
  absl::flat_hash_set<std::array<uint64_t, 2>> seen;
  std::vector<Frame> path;
  path.push_back({Begin(scope), {}, 0});
  path.back().actions = Actions(path.back().state);
  while (!path.empty() && result.states < max_states) {
    Frame& top = path.back();
    if (top.next == top.actions.size()) {
      path.pop_back();
      continue;
    }
    const Action action = top.actions[top.next++];
    Frame next{top.state, {}, 0};
    const PeerId id = Do(next.state, action);
    if (id != kNobody) Flush(next.state, id);
    if (!next.state.oracle.violation().empty()) {
      result.violation = next.state.oracle.violation();
      for (const Frame& frame : path)
        result.steps.push_back(Describe(frame.state, frame.actions[frame.next - 1]));
      return result;
    }
    if (!seen.insert(Fingerprint(next.state)).second) continue;
    ++result.states;
    next.actions = Actions(next.state);
    path.push_back(std::move(next));
  }
  result.complete = path.empty();
  return result;
}

std::vector<Scope> SmallScopes() {
  using Kind = MembershipChange::Kind;
  return {
      {.name = "two nodes, two elections, a crash", .members = "1 2", .crashes = 1},
      {.name = "two nodes, slow disks", .members = "1 2", .crashes = 1, .slow_disks = true},
      {.name = "two nodes, a snapshot", .members = "1 2", .compactions = 1},
      {.name = "two nodes, a message twice", .members = "1 2", .doubles = 1},
      {.name = "two nodes, pre-vote", .members = "1 2", .campaigns = {1, 2, 1}, .pre_vote = true},
      {.name = "three nodes, two elections", .proposals = 0, .large = true},
      {.name = "three nodes, an election and a crash",
       .campaigns = {1},
       .crashes = 1,
       .large = true},
      {.name = "one node becomes two",
       .members = "1",
       .joining = "2",
       .campaigns = {1, 1, 2},
       .proposals = 0,
       .crashes = 1,
       .changes = {{Kind::kAddLearner, 2}, {Kind::kPromote, 2}}},
      {.name = "two nodes become one",
       .members = "1 2",
       .proposals = 0,
       .changes = {{Kind::kRemove, 1}}},
      {.name = "two nodes and a learner", .members = "1 2 +3", .campaigns = {1}},
      {.name = "entries of two old terms",
       .campaigns = {1, 1, 2},
       .proposals = 0,
       .one_by_one = true,
       .large = true,
       .disks = {{1, {2, 1, 0}, "1.1 2.2:a"}, {2, {3, 2, 0}, "1.1 2.3:b"}, {3, {3, 2, 0}, "1.1"}}},
  };
}

}  // namespace henge::consensus::testing
