// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/beat_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "henge/judge.pb.h"

namespace henge::cluster {
namespace {

NodeBeat SampleBeat() {
  return {.node = NodeId::FromName("a"),
          .incarnation = UINT64_MAX,
          .sent_micros = 123'456'789,
          .topology_version = 42,
          .load = {.keys = 1, .memory_bytes = 2, .operations = 3},
          .groups = {{.group = GroupId::FromName("g"),
                      .epoch = 5,
                      .data_epoch = 4,
                      .offset = 6,
                      .data = DataState::kRecovered},
                     {.group = GroupId::FromName("h"), .data = DataState::kLive}}};
}

BeatAnswer SampleAnswer() {
  return {.node = NodeId::FromName("a"),
          .incarnation = 7,
          .sent_micros = 8,
          .term = 9,
          .topology_version = 10,
          .lease_micros = 1'200'000,
          .leases = {{.group = GroupId::FromName("g"), .epoch = 5}}};
}

template <class Message, class Value>
Message Wire(const Value& value) {
  Message message;
  Write(value, message);
  return message;
}

TEST(BeatCodec, ReadsWhatItWrote) {
  const auto beat = Read(Wire<bus::LifeBeat>(SampleBeat()));
  ASSERT_TRUE(beat.ok()) << beat.status();
  EXPECT_EQ(beat->node, SampleBeat().node);
  EXPECT_EQ(beat->incarnation, UINT64_MAX);
  EXPECT_EQ(beat->sent_micros, 123'456'789);
  EXPECT_EQ(beat->topology_version, 42u);
  EXPECT_EQ(beat->load.operations, 3u);
  ASSERT_EQ(beat->groups.size(), 2u);
  EXPECT_EQ(beat->groups[0].group, GroupId::FromName("g"));
  EXPECT_EQ(beat->groups[0].epoch, 5u);
  EXPECT_EQ(beat->groups[0].data_epoch, 4u);
  EXPECT_EQ(beat->groups[0].offset, 6u);
  EXPECT_EQ(beat->groups[0].data, DataState::kRecovered);
  EXPECT_EQ(beat->groups[1].data, DataState::kLive);

  const auto answer = Read(Wire<bus::LifeAnswer>(SampleAnswer()));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->node, SampleAnswer().node);
  EXPECT_EQ(answer->incarnation, 7u);
  EXPECT_EQ(answer->sent_micros, 8);
  EXPECT_EQ(answer->term, 9u);
  EXPECT_EQ(answer->topology_version, 10u);
  EXPECT_EQ(answer->lease_micros, 1'200'000);
  ASSERT_EQ(answer->leases.size(), 1u);
  EXPECT_EQ(answer->leases[0].group, GroupId::FromName("g"));
  EXPECT_EQ(answer->leases[0].epoch, 5u);
}

TEST(BeatCodec, ReadsEachStateOfTheDataAsItself) {
  for (const DataState data :
       {DataState::kLoading, DataState::kNothing, DataState::kRecovered, DataState::kLive}) {
    NodeBeat beat = SampleBeat();
    beat.groups[0].data = data;
    EXPECT_EQ(Read(Wire<bus::LifeBeat>(beat))->groups[0].data, data);
  }
}

TEST(BeatCodec, RefusesBeatsThatMakeNoSense) {
  const auto refuses = [](const auto& spoil) {
    auto wire = Wire<bus::LifeBeat>(SampleBeat());
    spoil(wire);
    return !Read(wire).ok();
  };
  EXPECT_FALSE(refuses([](bus::LifeBeat&) {}));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.clear_node(); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.set_node(NodeId().str()); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.set_node("ABC"); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.set_sent_micros(-1); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.set_sent_micros(INT64_MAX); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.set_topology_version(UINT64_MAX); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.mutable_groups(0)->set_group("g"); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) { wire.mutable_groups(0)->set_epoch(UINT64_MAX); }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) {
    wire.mutable_groups(0)->set_data(static_cast<bus::HeldData>(17));
  }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) {
    const bus::HeldGroup group = wire.groups(0);
    for (size_t i = 0; i < kMaxGroups; ++i) *wire.add_groups() = group;
  }));
  EXPECT_TRUE(refuses([](bus::LifeBeat& wire) {
    wire.mutable_groups(0)->set_group(std::string(kMaxBeatBytes, 'a'));
  }));
}

TEST(BeatCodec, RefusesAnswersThatMakeNoSense) {
  const auto refuses = [](const auto& spoil) {
    auto wire = Wire<bus::LifeAnswer>(SampleAnswer());
    spoil(wire);
    return !Read(wire).ok();
  };
  EXPECT_FALSE(refuses([](bus::LifeAnswer&) {}));
  EXPECT_TRUE(refuses([](bus::LifeAnswer& wire) { wire.set_node("nobody"); }));
  EXPECT_TRUE(refuses([](bus::LifeAnswer& wire) { wire.set_sent_micros(-1); }));
  EXPECT_TRUE(refuses([](bus::LifeAnswer& wire) { wire.set_lease_micros(-1); }));
  EXPECT_TRUE(refuses(
      [](bus::LifeAnswer& wire) { wire.set_lease_micros(int64_t{kMaxLeaseMs} * 1000 + 1); }));
  EXPECT_TRUE(refuses([](bus::LifeAnswer& wire) { wire.set_term(UINT64_MAX); }));
  EXPECT_TRUE(refuses([](bus::LifeAnswer& wire) { wire.mutable_leases(0)->clear_group(); }));
}

TEST(BeatCodec, ReadsRandomBytesOrRefusesThem) {
  Random random(7);
  const std::string sample = Wire<bus::LifeBeat>(SampleBeat()).SerializeAsString();
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = sample;
    for (int flips = 1 + static_cast<int>(random.Below(4)); flips > 0; --flips) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    bus::LifeBeat wire;
    if (!wire.ParseFromString(bytes)) continue;
    const auto beat = Read(wire);
    if (!beat.ok()) continue;
    ++read;
    const auto again = Read(Wire<bus::LifeBeat>(*beat));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->groups.size(), beat->groups.size());
  }
  EXPECT_GT(read, 0);
}

TEST(BeatCodec, CarriesQuestionsAndOutcomes) {
  FailoverQuestion question{.kind = FailoverQuestion::Kind::kForce,
                            .group = GroupId::FromName("g"),
                            .to = NodeId::FromName("a"),
                            .timeout_ms = 5000};
  auto wire = Wire<bus::FailoverRequest>(question);
  const auto read = Read(wire);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->kind, question.kind);
  EXPECT_EQ(read->group, question.group);
  EXPECT_EQ(read->to, question.to);
  EXPECT_EQ(read->timeout_ms, 5000);
  wire.set_timeout_ms(kMaxHandoverMs + 1);
  EXPECT_FALSE(Read(wire).ok());
  wire = Wire<bus::FailoverRequest>(question);
  wire.set_kind(static_cast<bus::FailoverRequest::Kind>(9));
  EXPECT_FALSE(Read(wire).ok());

  const absl::Status late = absl::DeadlineExceededError("too late");
  EXPECT_EQ(Read(Wire<bus::FailoverReply>(late)), late);
  EXPECT_TRUE(Read(Wire<bus::FailoverReply>(absl::OkStatus())).ok());
  bus::FailoverReply reply;
  reply.set_code(99);
  EXPECT_EQ(Read(reply).code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace henge::cluster
