// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/record_codec.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/random.h"
#include "cluster/consensus/testing/text.h"

namespace henge::consensus {
namespace {

Message Sample() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->index = 7;
  snapshot->term = 3;
  snapshot->members = Membership({{1, true, "a:1"}, {9, false, "b:2"}});
  snapshot->ledger.Open(4);
  snapshot->ledger.Take({4, 2, 1}, 6);
  snapshot->state = "state";
  Message message{.kind = MessageKind::kSnapshot,
                  .from = 1,
                  .to = 2,
                  .term = 3,
                  .index = 4,
                  .log_term = 5,
                  .hint = 6,
                  .commit = 7,
                  .refused = true,
                  .forced = true,
                  .context = 8,
                  .refusal = Refusal::kNotYet,
                  .target = 9};
  message.entries.push_back({3, 8, EntryKind::kCommand, {4, 3, 2}, "data"});
  message.snapshot = snapshot;
  return message;
}

TEST(RecordCodec, GivesBackAMessage) {
  const Message message = Sample();
  const std::optional<Message> back = DecodeMessage(EncodeMessage(message));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(EncodeMessage(*back), EncodeMessage(message));
  EXPECT_EQ(testing::Text(*back), testing::Text(message));
  EXPECT_EQ(*back->snapshot, *message.snapshot);
  EXPECT_EQ(back->entries, message.entries);
}

TEST(RecordCodec, RefusesWhatIsCutOrLonger) {
  const std::string bytes = EncodeMessage(Sample());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(DecodeMessage(bytes.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(DecodeMessage(bytes + "x").has_value());
}

TEST(RecordCodec, SurvivesHostileBytes) {
  const std::string bytes = EncodeMessage(Sample());
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string hostile = bytes;
    for (uint64_t n = random.Below(4) + 1; n > 0; --n)
      hostile[random.Below(hostile.size())] =
          static_cast<char>(random.Below(4) == 0 ? 0xff : random.Next());
    const std::optional<Message> message = DecodeMessage(hostile);
    if (!message) continue;
    EXPECT_EQ(EncodeMessage(*message).size(), hostile.size());
  }
}

}  // namespace
}  // namespace henge::consensus
