// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/simulation.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "cluster/consensus/testing/text.h"

namespace henge::consensus::testing {

namespace {

RaftOptions OptionsOf(const Scenario& scenario, PeerId id, uint64_t seed) {
  RaftOptions options;
  options.id = id;
  options.seed = seed * 1000 + id;
  options.election_ticks = 6;
  options.snapshot_ticks = 20;
  options.pre_vote = scenario.pre_vote;
  options.check_quorum = scenario.check_quorum;
  options.max_inflight = 4;
  options.max_append_bytes = 64;
  return options;
}

}  // namespace

Simulation::Simulation(const Scenario& scenario, uint64_t seed)
    : scenario_(scenario), random_(seed) {
  std::vector<Member> members;
  for (PeerId id = 1; id <= static_cast<PeerId>(scenario.voters); ++id) members.push_back({id});
  next_peer_ = members.size() + 1;
  auto first = std::make_shared<Snapshot>();
  first->members = Membership(members);
  for (const Member& member : members) {
    Disk disk;
    disk.snapshot = first;
    nodes_.emplace(member.id, TestNode(OptionsOf(scenario, member.id, seed), disk));
    hosts_[member.id];
  }
  for (int i = 0; i < kClients; ++i) clients_.push_back({.nonce = absl::StrCat("client", i)});
}

SimulationResult Simulation::Run() {
  while (now_ < scenario_.chaos_millis && result_.violation.empty()) Step();
  Heal();
  const int64_t end = now_ + scenario_.heal_millis;
  while (now_ < end && result_.violation.empty()) {
    quiet_ = now_ > end - scenario_.heal_millis / 2;
    Step();
  }
  if (result_.violation.empty()) CheckRecovered();
  result_.leaders = oracle_.leaders().size();
  result_.fingerprint = oracle_.Fingerprint();
  return result_;
}

void Simulation::Fail(std::string what) {
  if (result_.violation.empty()) result_.violation = absl::StrCat("at ", now_, " ms: ", what);
}

void Simulation::Step() {
  ++now_;
  if (chaos_) Chaos();
  while (!flights_.empty() && flights_.top().at <= now_) {
    const Message message = flights_.top().message;
    flights_.pop();
    Deliver(message);
  }
  for (const auto& [id, host] : hosts_) RunHost(id);
  for (Client& client : clients_) {
    RunSession(client);
    RunClient(client);
    RunRead(client);
  }
  if (!oracle_.violation().empty()) Fail(oracle_.violation());
}

void Simulation::RunHost(PeerId id) {
  TestNode& node = nodes_.at(id);
  Host& host = hosts_.at(id);
  if (!node.up()) {
    if (now_ < host.start_at) return;
    node.Start();
    oracle_.Forget(id);
    host.told = 0;
    host.next_tick = now_;
  }
  if (now_ >= host.next_tick) {
    node.raft().Tick();
    host.next_tick = now_ + kTickMillis;
  }
  if (node.writing() && now_ >= host.write_done) EndWrite(id);
  oracle_.Look(nodes_, id);
  if (!node.BeginWrite()) return;
  oracle_.Look(nodes_, id);
  if (node.in_writing()->must_sync) {
    const uint64_t most = static_cast<uint64_t>(host.disk_millis);
    host.write_done = now_ + static_cast<int64_t>(random_.Below(most + 1));
  } else {
    host.write_done = now_;
  }
  if (now_ >= host.write_done) EndWrite(id);
}

void Simulation::EndWrite(PeerId id) {
  TestNode& node = nodes_.at(id);
  for (const Message& message : node.EndWrite()) Send(message);
  oracle_.Look(nodes_, id);
  const std::vector<std::string>& order = oracle_.order();
  for (size_t i = place_.size(); i < order.size(); ++i) place_.emplace(order[i], i);
}

void Simulation::Send(const Message& message) {
  ++result_.messages;
  if (cut_.contains({message.from, message.to})) return;
  if (chaos_ && Often(scenario_.drop_percent)) return;
  const int copies = chaos_ && Often(scenario_.double_percent) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const uint64_t delay = chaos_ && Often(5) ? random_.Below(400) : random_.Below(4);
    flights_.push({now_ + 1 + static_cast<int64_t>(delay), ++sent_, message});
  }
}

void Simulation::Deliver(const Message& message) {
  const auto node = nodes_.find(message.to);
  if (node == nodes_.end() || !node->second.up()) return;
  if (cut_.contains({message.from, message.to})) return;
  node->second.raft().Step(message);
  oracle_.Look(nodes_, message.to);
}

// The disk was at something: any part of it from the beginning is there.
void Simulation::LoseUnsynced(TestNode& node) {
  Disk& disk = node.disk();
  if (Often(30))  // The commit index need not be.
    disk.hard.commit = std::max<Index>(disk.snapshot->index, disk.hard.commit / 2);
  if (!node.writing()) return;
  Ready part = *node.in_writing();
  const uint64_t pieces = part.entries.size() + 2;
  uint64_t arrived = random_.Below(pieces + 1);
  if (arrived == 0) return;
  if (--arrived == 0) part.hard_state.reset();
  part.entries.resize(std::min<size_t>(part.entries.size(), arrived == 0 ? 0 : arrived - 1));
  disk.Write(part);
  const Index last = disk.snapshot->index + disk.entries.size();
  disk.hard.commit = std::min(disk.hard.commit, last);
}

void Simulation::CrashHost(PeerId id) {
  TestNode& node = nodes_.at(id);
  if (!node.up()) return;
  ++result_.crashes;
  LoseUnsynced(node);
  node.Crash();
  hosts_.at(id).start_at = now_ + 50 + static_cast<int64_t>(random_.Below(3000));
}

PeerId Simulation::AnyNode() {
  auto at = nodes_.begin();
  std::advance(at, random_.Below(nodes_.size()));
  return at->first;
}

PeerId Simulation::Leader() const {
  PeerId leader = kNobody;
  Term term = 0;
  for (const auto& [id, node] : nodes_) {
    if (!node.up() || node.raft().role() != Role::kLeader || node.raft().term() < term) continue;
    leader = id;
    term = node.raft().term();
  }
  return leader;
}

void Simulation::Answered(Client& client) {
  const size_t place = place_.at(client.command);
  if (place < client.asked_after)
    Fail(absl::StrCat("order: ", client.command, " stands before what was answered earlier"));
  answered_place_ = std::max(answered_place_, place + 1);
  client.command.clear();
  ++result_.commands;
}

// Opens a session, and finds its number on any node.
void Simulation::RunSession(Client& client) {
  if (client.session != 0) return;
  for (const auto& [id, node] : nodes_) {
    if (node.up()) client.session = node.SessionOf(client.nonce).value_or(client.session);
  }
  if (client.session != 0 || now_ < client.again_at) return;
  client.again_at = now_ + 500;
  TestNode& node = nodes_.at(AnyNode());
  if (node.up()) node.raft().OpenSession(client.nonce);
}

void Simulation::RunClient(Client& client) {
  if (client.session == 0) return;
  if (client.command.empty()) {
    if (quiet_ || !Often(4)) return;
    client.command = absl::StrCat(client.nonce, "-", ++client.sequence);
    client.asked_after = answered_place_;
    client.again_at = 0;
  }
  const auto asked = nodes_.find(client.node);
  if (asked != nodes_.end() && asked->second.up()) {
    const auto place = place_.find(client.command);
    if (place != place_.end() && asked->second.applied().size() > place->second)
      return Answered(client);
  }
  if (now_ < client.again_at) return;
  client.again_at = now_ + 300;
  client.node = AnyNode();
  TestNode& node = nodes_.at(client.node);
  if (!node.up()) return;
  if (node.raft().Propose({client.session, client.sequence, client.sequence}, client.command) !=
      Refusal::kNone)
    client.again_at = now_ + 20;
}

void Simulation::RunRead(Client& client) {
  if (client.read == 0) {
    if (quiet_ || !Often(2)) return;
    client.read = ++next_read_;
    client.read_after = answered_place_;
    client.read_node = AnyNode();
    client.read_index = 0;
    client.read_until = now_ + 1000;
    TestNode& node = nodes_.at(client.read_node);
    if (node.up()) node.raft().Read(client.read);
  }
  TestNode& node = nodes_.at(client.read_node);
  if (node.up()) {
    for (const ReadState& read : node.TakeReads()) {
      for (Client& other : clients_) {
        if (other.read == read.context && read.refusal == Refusal::kNone)
          other.read_index = std::max<Index>(read.index, 1);
      }
    }
    if (client.read_index != 0 && node.raft().log().applied() >= client.read_index &&
        !node.writing()) {
      if (node.applied().size() < client.read_after)
        Fail(absl::StrCat("order: a read on ", client.read_node, " lacks what was answered"));
      ++result_.reads;
      client.read = 0;
      return;
    }
  }
  if (now_ >= client.read_until) client.read = 0;
}

}  // namespace henge::consensus::testing
