// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/beat_codec.h"

#include <algorithm>
#include <string>

#include "base/strings.h"
#include "cluster/topology/refusals.h"
#include "henge/judge.pb.h"

namespace henge::cluster {
namespace {

// Keeps the first error: read all, look once at the end.
class Fields {
 public:
  void Refuse(std::string_view why) {
    if (status_.ok()) status_ = Senseless(Absl(why));
  }
  template <class Id>
  Id Named(std::string_view text) {
    const auto id = Id::Parse(text);
    if (!id || id->IsZero()) Refuse("an id that is not 40 hex digits, or all zeros");
    return id.value_or(Id());
  }
  uint64_t Counter(uint64_t value) {
    if (value > kMaxCounter) Refuse("a number out of range");
    return value;
  }
  int64_t Micros(int64_t value) {
    if (value < 0 || static_cast<uint64_t>(value) > kMaxCounter) Refuse("a time out of range");
    return value;
  }
  // Whether a message of that size, with so many parts, is to be read at all.
  bool Fits(size_t bytes, int parts) {
    if (bytes > kMaxBeatBytes) Refuse("a message that is too large");
    if (static_cast<size_t>(parts) > kMaxGroups) Refuse("more groups than there can be");
    return status_.ok();
  }
  DataState Data(bus::HeldData data) {
    switch (data) {
      case bus::HELD_LOADING:
        return DataState::kLoading;
      case bus::HELD_NOTHING:
        return DataState::kNothing;
      case bus::HELD_RECOVERED:
        return DataState::kRecovered;
      case bus::HELD_LIVE:
        return DataState::kLive;
      default:
        Refuse("an unknown state of the data");
        return DataState::kLoading;
    }
  }
  template <class Message>
  absl::StatusOr<Message> Done(Message message) const {
    if (!status_.ok()) return status_;
    return message;
  }

 private:
  absl::Status status_;
};

bus::HeldData Wire(DataState data) {
  switch (data) {
    case DataState::kLoading:
      return bus::HELD_LOADING;
    case DataState::kNothing:
      return bus::HELD_NOTHING;
    case DataState::kRecovered:
      return bus::HELD_RECOVERED;
    case DataState::kLive:
      return bus::HELD_LIVE;
  }
  return bus::HELD_LOADING;
}

}  // namespace

void Write(const NodeBeat& beat, bus::LifeBeat& out) {
  out.Clear();
  out.set_node(beat.node.str());
  out.set_incarnation(beat.incarnation);
  out.set_sent_micros(beat.sent_micros);
  out.set_topology_version(beat.topology_version);
  out.set_keys(beat.load.keys);
  out.set_memory_bytes(beat.load.memory_bytes);
  out.set_operations(beat.load.operations);
  for (const GroupReport& report : beat.groups) {
    bus::HeldGroup& held = *out.add_groups();
    held.set_group(report.group.str());
    held.set_epoch(report.epoch);
    held.set_data_epoch(report.data_epoch);
    held.set_offset(report.offset);
    held.set_data(Wire(report.data));
  }
}

absl::StatusOr<NodeBeat> Read(const bus::LifeBeat& in) {
  Fields fields;
  NodeBeat beat;
  if (!fields.Fits(in.ByteSizeLong(), in.groups_size())) return fields.Done(std::move(beat));
  beat.node = fields.Named<NodeId>(in.node());
  beat.incarnation = in.incarnation();
  beat.sent_micros = fields.Micros(in.sent_micros());
  beat.topology_version = fields.Counter(in.topology_version());
  beat.load = {.keys = in.keys(), .memory_bytes = in.memory_bytes(), .operations = in.operations()};
  for (const bus::HeldGroup& held : in.groups()) {
    beat.groups.push_back({.group = fields.Named<GroupId>(held.group()),
                           .epoch = fields.Counter(held.epoch()),
                           .data_epoch = fields.Counter(held.data_epoch()),
                           .offset = fields.Counter(held.offset()),
                           .data = fields.Data(held.data())});
  }
  return fields.Done(std::move(beat));
}

void Write(const BeatAnswer& answer, bus::LifeAnswer& out) {
  out.Clear();
  out.set_node(answer.node.str());
  out.set_incarnation(answer.incarnation);
  out.set_sent_micros(answer.sent_micros);
  out.set_term(answer.term);
  out.set_topology_version(answer.topology_version);
  out.set_lease_micros(answer.lease_micros);
  for (const LeaseGrant& lease : answer.leases) {
    bus::GivenLease& given = *out.add_leases();
    given.set_group(lease.group.str());
    given.set_epoch(lease.epoch);
  }
}

absl::StatusOr<BeatAnswer> Read(const bus::LifeAnswer& in) {
  Fields fields;
  BeatAnswer answer;
  if (!fields.Fits(in.ByteSizeLong(), in.leases_size())) return fields.Done(std::move(answer));
  answer.node = fields.Named<NodeId>(in.node());
  answer.incarnation = in.incarnation();
  answer.sent_micros = fields.Micros(in.sent_micros());
  answer.term = fields.Counter(in.term());
  answer.topology_version = fields.Counter(in.topology_version());
  answer.lease_micros = fields.Micros(in.lease_micros());
  if (answer.lease_micros > int64_t{kMaxLeaseMs} * 1000) fields.Refuse("a lease out of range");
  for (const bus::GivenLease& given : in.leases()) {
    answer.leases.push_back(
        {.group = fields.Named<GroupId>(given.group()), .epoch = fields.Counter(given.epoch())});
  }
  return fields.Done(std::move(answer));
}

void Write(const FailoverQuestion& question, bus::FailoverRequest& out) {
  const bool force = question.kind == FailoverQuestion::Kind::kForce;
  out.set_kind(force ? bus::FailoverRequest::FORCE : bus::FailoverRequest::HAND_OVER);
  out.set_group(question.group.str());
  out.set_to(question.to.str());
  out.set_timeout_ms(
      static_cast<uint32_t>(std::clamp(question.timeout_ms, int64_t{0}, int64_t{kMaxHandoverMs})));
}

absl::StatusOr<FailoverQuestion> Read(const bus::FailoverRequest& in) {
  Fields fields;
  FailoverQuestion question;
  if (in.kind() == bus::FailoverRequest::FORCE) {
    question.kind = FailoverQuestion::Kind::kForce;
  } else if (in.kind() != bus::FailoverRequest::HAND_OVER) {
    fields.Refuse("an unknown kind of failover");
  }
  question.group = fields.Named<GroupId>(in.group());
  question.to = fields.Named<NodeId>(in.to());
  question.timeout_ms = in.timeout_ms();
  if (in.timeout_ms() > kMaxHandoverMs) fields.Refuse("a time out of range");
  return fields.Done(question);
}

void Write(const absl::Status& outcome, bus::FailoverReply& out) {
  out.set_code(static_cast<int>(outcome.code()));
  out.set_message(std::string(Std(outcome.message()).substr(0, kMaxText)));
}

absl::Status Read(const bus::FailoverReply& in) {
  const int code = in.code();
  if (code < 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::UnknownError("an outcome that is not known");
  }
  return {static_cast<absl::StatusCode>(code), in.message().substr(0, kMaxText)};
}

}  // namespace henge::cluster
