// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/node_life.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace henge::cluster {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kBeatsInTimeout = 10;
constexpr int64_t kMaxBeatMicros = 100'000;
constexpr int64_t kAgainMicros = 100'000;  // What failed, or has no outcome.
constexpr milliseconds kHandoverRound{2};  // Writes wait meanwhile.
constexpr int64_t kMinTimeoutMs = 100, kMaxTimeoutMs = kMaxLeaseMs;
constexpr int64_t kMinRoundMs = 2, kMaxRoundMs = 20;

// The judge's clock may be as fast as this node's is slow.
int64_t TouchMicros(int64_t lease_micros) {
  return static_cast<int64_t>(static_cast<double>(TouchFor(lease_micros)) * (1 - 2 * kClockDrift));
}

milliseconds RoundFor(int64_t node_timeout_ms) {
  return milliseconds(std::clamp(node_timeout_ms / 75, kMinRoundMs, kMaxRoundMs));
}

NodeLifeOptions Bounded(NodeLifeOptions options) {
  options.node_timeout_ms = std::clamp(options.node_timeout_ms, kMinTimeoutMs, kMaxTimeoutMs);
  return options;
}

}  // namespace

NodeLife::NodeLife(const NodeLifeOptions& options, Coordinator& coordinator, GroupHost& host)
    : options_(Bounded(options)),
      coordinator_(coordinator),
      desk_(std::make_shared<Desk>()),
      own_timeout_(options_.node_timeout_ms * 1000),
      petitions_(coordinator, desk_, options_.node_timeout_ms),
      service_(*this),
      seat_({options_.self, options_.node_timeout_ms, options_.clock}, coordinator, desk_,
            petitions_, [this](const BeatAnswer& answer) { Send(answer); }),
      duty_({options_.self, options_.node_timeout_ms, options_.clock}, host, petitions_,
            [this] { Adopt(coordinator_.topology()); }) {}

NodeLife::~NodeLife() { Stop(); }

void NodeLife::Start() {
  link_ = std::make_unique<JudgeLink>([this, desk = desk_](BeatAnswer answer) {
    desk->Call([this, answer = std::move(answer)] { OnAnswer(answer); });
  });
  calls_ = std::make_unique<FailoverCalls>();
  courier_ = std::make_unique<Courier>(RoundFor(options_.node_timeout_ms), [this] { Round(); });
  desk_->Open(courier_.get());
  desk_->Call([this] { lives_ = true; });
  coordinator_.Watch(this);
}

void NodeLife::Stop() {
  if (courier_ == nullptr) return;
  coordinator_.Unwatch(this);
  service_.Close();
  desk_->Close();
  courier_->Stop();
  calls_.reset();
  link_.reset();
  duty_.Stop();
  courier_.reset();  // What was not done any more is answered now.
}

// --- What comes from elsewhere -------------------------------------------------------------------

void NodeLife::OnTopology(const TopologyPtr& topology) {
  desk_->Call([this, topology] { Adopt(topology); });
}

void NodeLife::OnCluster(const NodeId& /*self*/) {
  desk_->Call([this] {
    lives_ = false;
    desk_->Close();
    seat_.OnLeader(false);
    link_->Attend(std::nullopt);
    duty_.Stop();
    report_.set_in_touch_until(INT64_MIN);
    Publish();
  });
}

void NodeLife::OnLeader(std::optional<NodeId> leader) {
  desk_->Call([this, leader] {
    leader_ = leader;
    seat_.OnLeader(leader == options_.self);
    FollowLeader();
    Beat();
  });
}

bool NodeLife::OnBeat(NodeBeat beat) {
  if (coordinator_.topology()->Find(beat.node) == nullptr) return false;
  desk_->Call([this, beat = std::move(beat)] {
    report_.Update([](LifeFacts& facts) { ++facts.beats_heard; });
    seat_.Hear(beat);
  });
  return true;
}

void NodeLife::OnFailover(const FailoverQuestion& question, QuestionPtr answer) {
  desk_->Call([this, question, answer = std::move(answer)] {
    if (question.kind == FailoverQuestion::Kind::kForce) {
      return answer->Answer(seat_.Force(question.group, question.to));
    }
    duty_.HandOver(question.group, question.to, question.timeout_ms, answer);
  });
}

void NodeLife::HandOver(const NodeId& to, int64_t timeout_ms, Told told) {
  desk_->Call([this, to, timeout_ms, answer = std::make_shared<Question>(std::move(told))] {
    duty_.HandOver(GroupId(), to, timeout_ms, answer);
  });
}

void NodeLife::PassLead(const NodeId& to, int64_t timeout_ms, Told told) {
  desk_->Call([this, to, timeout_ms, answer = std::make_shared<Question>(std::move(told))] {
    if (duty_.role().part == Role::Part::kLeads) {
      return duty_.HandOver(GroupId(), to, timeout_ms, answer);
    }
    AskLeader(to, timeout_ms, answer);
  });
}

void NodeLife::FailOver(Failover kind, int64_t timeout_ms, Told told) {
  desk_->Call([this, kind, timeout_ms, answer = std::make_shared<Question>(std::move(told))] {
    Request(kind, timeout_ms, answer);
  });
}

void NodeLife::SetNodeTimeout(int64_t timeout_ms) {
  const int64_t bounded = std::clamp(timeout_ms, kMinTimeoutMs, kMaxTimeoutMs);
  desk_->Call([this, bounded] {
    own_timeout_ = bounded * 1000;
    petitions_.SetPatience(bounded);
    seat_.SetNodeTimeout(bounded);
    duty_.SetNodeTimeout(bounded);
  });
}

bool NodeLife::InTouch() const { return now() < report_.in_touch_until(); }

// --- The thread ----------------------------------------------------------------------------------

void NodeLife::Round() {
  if (!lives_) return;  // Whoever is asked now finds the desk closed.
  Confirm();
  if (now() >= next_petitions_) {
    next_petitions_ = now() + kAgainMicros;
    petitions_.Tick();
    calls_->Reap();
  }
  seat_.Tick();
  duty_.Tick();
  if (now() >= next_beat_ || HasNews()) Beat();
  ReplaceHangingLink();
  Publish();
  desk_->Pace(duty_.hands_over() ? kHandoverRound : RoundFor(timeout() / 1000));
}

void NodeLife::Confirm() {
  if (confirmed_ || confirming_ || now() < next_confirm_) return;
  confirming_ = true;
  next_confirm_ = now() + kAgainMicros;
  coordinator_.Barrier(own_timeout_ / 1000, [this, desk = desk_](const absl::Status& outcome) {
    desk->Call([this, outcome] {
      confirming_ = false;
      if (!outcome.ok()) return;
      confirmed_ = true;
      Adopt(coordinator_.topology());
    });
  });
}

void NodeLife::Adopt(const TopologyPtr& topology) {
  if (topology->version() < topology_->version()) return;
  topology_ = topology;
  seat_.OnTopology(topology);
  FollowLeader();
  if (duty_.OnTopology(topology, confirmed_)) Beat();
}

std::optional<PeerAddress> NodeLife::AddressOf(const NodeId& node) const {
  const Node* known = topology_->Find(node);
  if (known == nullptr || known->host.empty() || known->bus_port == 0) return std::nullopt;
  return PeerAddress{.id = node, .host = known->host, .bus_port = known->bus_port};
}

void NodeLife::FollowLeader() {
  const bool other = leader_ && *leader_ != options_.self;
  if (link_->Attend(other ? AddressOf(*leader_) : std::nullopt)) link_since_ = now();
}

// What the judge waits for, to give a lease or to choose a leader.
bool NodeLife::HasNews() {
  const std::vector<GroupReport> reports = duty_.Reports();
  return !std::equal(reports.begin(), reports.end(), told_.begin(), told_.end(),
                     [](const GroupReport& now, const GroupReport& then) {
                       return now.group == then.group && now.epoch == then.epoch &&
                              now.data == then.data;
                     });
}

void NodeLife::Beat() {
  last_sent_ = now();
  next_beat_ = last_sent_ + std::min(timeout() / kBeatsInTimeout, kMaxBeatMicros);
  if (!leader_) return;
  const NodeBeat beat{.node = options_.self,
                      .incarnation = options_.incarnation,
                      .sent_micros = last_sent_,
                      .topology_version = topology_->version(),
                      .load = duty_.Load(),
                      .groups = duty_.Reports()};
  told_ = beat.groups;
  report_.Update([](LifeFacts& facts) { ++facts.beats_sent; });
  if (leader_ == options_.self) {
    seat_.Hear(beat);
  } else {
    link_->Send(beat);
  }
}

void NodeLife::OnAnswer(const BeatAnswer& answer) {
  const bool mine = answer.node == options_.self && answer.incarnation == options_.incarnation;
  if (!mine || answer.sent_micros > last_sent_) return;
  link_since_ = now();
  judges_timeout_ = TouchFor(answer.lease_micros);
  const int64_t until = answer.sent_micros + TouchMicros(answer.lease_micros);
  if (until > report_.in_touch_until()) report_.set_in_touch_until(until);
  report_.Update([&](LifeFacts& facts) {
    ++facts.answers_heard;
    facts.term = answer.term;
  });
  duty_.OnAnswer(answer);
}

void NodeLife::Send(const BeatAnswer& answer) {
  if (answer.node == options_.self) return OnAnswer(answer);
  report_.Update([](LifeFacts& facts) { ++facts.answers_sent; });
  service_.Answer(answer);
}

// A peer that is gone without a word, or stands still, keeps its connections.
void NodeLife::ReplaceHangingLink() {
  if (now() - link_since_ < timeout() / 2) return;
  link_since_ = now();
  link_->Renew();
}

void NodeLife::Publish() {
  report_.Update([this](LifeFacts& facts) {
    facts.judge = leader_.value_or(NodeId());
    facts.judges = seat_.term();
    facts.role = duty_.role();
    facts.lease_until = duty_.lease().granted_until();
  });
}

// --- CLUSTER FAILOVER ----------------------------------------------------------------------------

void NodeLife::Request(Failover kind, int64_t timeout_ms, QuestionPtr answer) {
  const Role& role = duty_.role();
  const bool is_follower = role.part == Role::Part::kFollows || role.part == Role::Part::kWaits;
  if (!is_follower) {
    return answer->Answer(absl::FailedPreconditionError("this node follows nobody"));
  }
  if (kind == Failover::kTakeover) {
    return answer->Answer(absl::FailedPreconditionError(
        "TAKEOVER is not supported: no node leads without the agreement of the majority"));
  }
  const bool force = kind == Failover::kForce;
  const FailoverQuestion question{
      .kind = force ? FailoverQuestion::Kind::kForce : FailoverQuestion::Kind::kHandOver,
      .group = role.group,
      .to = options_.self,
      .timeout_ms = timeout_ms};
  if (force && leader_ == options_.self) {
    return answer->Answer(seat_.Force(question.group, question.to));
  }
  AskNode(force ? leader_.value_or(NodeId()) : role.leader.id, question, std::move(answer));
}

// In sync, highest priority, smallest id; how far each is only the leader knows.
void NodeLife::AskLeader(NodeId to, int64_t timeout_ms, QuestionPtr answer) {
  const Role& role = duty_.role();
  const Group* group = topology_->FindGroup(role.group);
  if (role.part != Role::Part::kFollows || group == nullptr) {
    return answer->Answer(absl::UnavailableError("nobody is known who leads the group"));
  }
  const Node* best = topology_->Find(to);
  for (const Node& node : topology_->nodes()) {
    const bool may =
        group->IsFollower(node.id) && group->IsInSync(node.id) && !node.failed && !node.no_failover;
    if (!to.IsZero() || !may) continue;
    if (best == nullptr || node.priority > best->priority) best = &node;
  }
  if (best == nullptr) {
    return answer->Answer(absl::FailedPreconditionError("no follower is in sync"));
  }
  AskNode(role.leader.id,
          {.kind = FailoverQuestion::Kind::kHandOver,
           .group = role.group,
           .to = best->id,
           .timeout_ms = timeout_ms},
          std::move(answer));
}

void NodeLife::AskNode(const NodeId& node, const FailoverQuestion& question, QuestionPtr answer) {
  const auto address = AddressOf(node);
  if (!address) {
    const bool force = question.kind == FailoverQuestion::Kind::kForce;
    return answer->Answer(absl::UnavailableError(force ? "nobody is known who judges failures"
                                                       : "nobody is known who leads the group"));
  }
  calls_->Ask(*address, question, std::move(answer));
}

}  // namespace henge::cluster
