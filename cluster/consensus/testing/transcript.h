// SPDX-License-Identifier: Apache-2.0
// Transcript: a schedule of a few nodes in words, and what must be true after each step; how each
// rule of Raft is told and tested (testdata/*.txt). One thread.
//
// A line is a step; # begins a comment; a word with spaces stands in quotes. Disks are instant
// unless held; messages stay on their link until they are delivered or dropped.
//
//   case WORDS...                      a new case: everything before is gone
//   options KEY[=N]...                 pre-vote check-quorum inflight append-bytes
//   uncommitted-bytes
//                                      snapshot-ticks; before nodes (defaults: none, and raft.h's)
//   nodes "1 2 +3"                     start, with that membership; +: learners
//   join N                             a node that knows of nobody
//   disk N [term=T] [vote=N] [commit=I] [log="1.1 2.1:a"]    restart it with that on its disk
//   tick N [COUNT] | timeout N         time passes; until its patience ends
//   campaign N
//   propose N DATA [as=S/Q[/D]] | session N NONCE | read N CONTEXT | transfer N TO
//   change N add|promote|remove PEER [as=S/Q]
//     each may end with `refused=WHY`
//   compact N [KEEP]
//   deliver [A->B [COUNT]]             without a link: everything, until all is quiet
//   drop all|A->B [COUNT] | double A->B | delay A->B     delay: the first becomes the last
//   cut A->B|A|"A B" | heal            what is sent over a cut link is lost
//   hold N | sync N [COUNT] | free N   its disk: holds writes, lets them through, is instant again
//   crash N | start N
//   inject KIND A->B [t=T] [index=I] [term=T] [commit=I] [log="..."] [context=C] [forced]
//     [refused] [hint=I]               a message as if A had sent it
//   lost N PEER | snapshot-done N PEER  hints of the transport
//   expect N KEY=VALUE...              role term vote leader commit applied last start log members
//                                      state (commands applied) fault up transferee
//                                      match:P next:P mode:P inflight:P known:P
//   reads N "C@I C!WHY ..." | refusals N "S/Q!WHY ..."   since the last such line
//   queue A->B "message; message"      what is on the link, exactly
//   sent A->B N                        how many messages are on it
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/consensus/testing/test_node.h"

namespace henge::consensus::testing {

struct TranscriptResult {
  std::string failure;             // "line: what", the first of each case; empty if all is as told.
  std::vector<std::string> cases;  // Their names.
  std::vector<std::string> failed;
};

TranscriptResult RunTranscript(std::string_view text);

class Transcript {
 public:
  // What is wrong with the step, or what was not as expected.
  std::string Run(const std::vector<std::string>& words);

 private:
  using Link = std::pair<PeerId, PeerId>;
  using Step = std::string (Transcript::*)();
  static const std::map<std::string, Step>& Steps();

  // The words of the line at hand: by place behind the step's name, and by key.
  std::string Word(size_t place) const;
  uint64_t Number(size_t place, uint64_t otherwise = 0) const;
  std::optional<std::string> Value(const std::string& key) const;
  uint64_t NumberOf(const std::string& key, uint64_t otherwise = 0) const;
  bool Flag(const std::string& key) const;
  RequestId Request() const;
  std::optional<Link> LinkAt(size_t place) const;

  TestNode* Node();
  void Settle();
  void Flush(PeerId id);
  bool DeliverOne(const Link& link);
  std::string CheckRefusal(Refusal refusal);
  std::string Attribute(const TestNode& node, const std::string& key) const;
  std::string AttributeOfPeer(const Raft& raft, const std::string& key) const;

  std::string Options();
  std::string Nodes();
  std::string Join();
  std::string PutDisk();
  std::string Tick();
  std::string Timeout();
  std::string Campaign();
  std::string Propose();
  std::string Session();
  std::string Read();
  std::string Transfer();
  std::string Change();
  std::string Compact();
  std::string Deliver();
  std::string Drop();
  std::string Double();
  std::string Delay();
  std::string Cut();
  std::string Heal();
  std::string Hold();
  std::string Sync();
  std::string Free();
  std::string Crash();
  std::string Start();
  std::string Inject();
  std::string Lost();
  std::string SnapshotDone();
  std::string Expect();
  std::string Reads();
  std::string Refusals();
  std::string Queue();
  std::string Sent();

  std::vector<std::string> words_;
  RaftOptions options_ = {.pre_vote = false, .check_quorum = false};
  std::map<PeerId, TestNode> nodes_;
  std::map<PeerId, bool> held_;
  std::map<Link, std::vector<Message>> links_;
  std::map<Link, bool> cut_;
};

}  // namespace henge::consensus::testing
