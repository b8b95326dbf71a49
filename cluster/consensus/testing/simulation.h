// SPDX-License-Identifier: Apache-2.0
// Simulation: a cluster under one seed, with everything that can go wrong in a network and in
// disks, clients that send commands and reads, members that come and go; then all is healed and it
// must be well again. The same seed and scenario give the same run, step by step. One thread.
//
// Checked all the time by an Oracle; besides:
//   order     a command that was asked for after another was answered stands behind it; a read sees
//             every command that was answered before it was asked for
//   recovery  after healing there is one leader, every command of every client is answered, and all
//             members have applied the same
#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/consensus/testing/oracle.h"

namespace henge::consensus::testing {

struct Scenario {
  std::string name;
  int voters = 3;
  int chaos_millis = 20'000;
  int heal_millis = 15'000;
  bool membership = false;  // Members come and go, up to seven.
  bool snapshots = false;
  bool transfers = false;
  bool slow_disks = false;  // Some writes take long, so that crashes hit them.
  bool pre_vote = true;
  bool check_quorum = true;
  int drop_percent = 5;
  int double_percent = 3;
};

struct SimulationResult {
  std::string violation;  // Empty: none.
  uint64_t commands = 0;  // Answered.
  uint64_t reads = 0;
  uint64_t leaders = 0;  // Terms that had one.
  uint64_t changes = 0;  // Of the membership.
  uint64_t crashes = 0;
  uint64_t messages = 0;
  std::string fingerprint;  // Of the whole run.
};

class Simulation {
 public:
  Simulation(const Scenario& scenario, uint64_t seed);
  SimulationResult Run();

 private:
  static constexpr int kTickMillis = 50;
  static constexpr int kClients = 3;

  struct Flight {
    int64_t at = 0;
    uint64_t number = 0;  // Among those of the same time.
    Message message;
    bool operator>(const Flight& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };
  struct Host {
    int64_t next_tick = 0;
    int64_t write_done = 0;
    int64_t start_at = 0;  // While down.
    int disk_millis = 1;
    size_t told = 0;  // Of its applied commands.
  };
  // One command at a time, sent again until some node that was asked has applied it.
  struct Client {
    std::string nonce;
    uint64_t session = 0;
    uint64_t sequence = 0;
    std::string command;     // Under way, if not empty.
    size_t asked_after = 0;  // Commands that were answered by then.
    int64_t again_at = 0;
    PeerId node = kNobody;
    uint64_t read = 0;  // Context under way.
    size_t read_after = 0;
    PeerId read_node = kNobody;
    Index read_index = 0;
    int64_t read_until = 0;
  };

  void Step();
  void RunHost(PeerId id);
  void EndWrite(PeerId id);
  void Send(const Message& message);
  void Deliver(const Message& message);
  void CrashHost(PeerId id);
  void LoseUnsynced(TestNode& node);

  void Chaos();
  void Cut();
  void ChangeMembers();
  void TransferSomewhere();
  void CompactSome();
  void Heal();

  void RunClient(Client& client);
  void RunSession(Client& client);
  void RunRead(Client& client);
  void Answered(Client& client);
  void Fail(std::string what);
  void CheckRecovered();
  PeerId AnyNode();
  PeerId Leader() const;
  bool Often(int percent) { return random_.Below(100) < static_cast<uint64_t>(percent); }

  Scenario scenario_;
  Random random_;
  int64_t now_ = 0;
  uint64_t sent_ = 0;
  bool chaos_ = true;
  bool quiet_ = false;  // Clients ask for nothing new.
  Oracle::Nodes nodes_;
  std::map<PeerId, Host> hosts_;
  std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
  std::set<std::pair<PeerId, PeerId>> cut_;
  std::vector<Client> clients_;
  std::map<std::string, size_t> place_;  // Of commands in the one order.
  size_t answered_place_ = 0;            // Behind the last command that was answered.
  PeerId next_peer_ = 0;
  uint64_t next_read_ = 0;
  Oracle oracle_;
  SimulationResult result_;
};

// What CI runs some seeds of.
std::vector<Scenario> Scenarios();

}  // namespace henge::consensus::testing
