// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_filter.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "store/key.h"

namespace henge::server {
namespace {

std::string Command(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
  return out;
}

Slot SlotOfKey(std::string_view key) { return store::Key::Of(key).slot; }

// Of the slot of "ours".
class SlotFilterTest : public ::testing::Test {
 protected:
  SlotFilterTest() : filter_(cluster::SlotBits().set(SlotOfKey("ours"))) {}

  std::string Filtered(Slot slot, std::string_view bytes) {
    std::string out;
    status_ = filter_.Add({.db = 0, .slot = slot}, bytes, out);
    return out;
  }

  SlotFilter filter_;
  absl::Status status_;
};

TEST_F(SlotFilterTest, RecordsOfOneSlotGoAsTheyStandOrNotAtAll) {
  const std::string set = Command({"SELECT", "0"}) + Command({"SET", "ours", "1"});
  EXPECT_EQ(Filtered(SlotOfKey("ours"), set), set);
  EXPECT_EQ(Filtered(SlotOfKey("theirs"), Command({"SET", "theirs", "1"})), "");
  EXPECT_EQ(Filtered(persistence::kControlSlot, Command({"PING"})), "");
}

TEST_F(SlotFilterTest, RecordsOfSeveralSlotsAreCut) {
  const std::string mixed = Command({"MULTI"}) + Command({"SET", "ours", "1"}) +
                            Command({"SET", "theirs", "2"}) + Command({"INCR", "{ours}n"}) +
                            Command({"EXEC"});
  EXPECT_EQ(Filtered(persistence::kNoSlot, mixed),
            Command({"MULTI"}) + Command({"SET", "ours", "1"}) + Command({"INCR", "{ours}n"}) +
                Command({"EXEC"}));
  const std::string one = Command({"MULTI"}) + Command({"SET", "ours", "1"}) +
                          Command({"SET", "theirs", "2"}) + Command({"EXEC"});
  EXPECT_EQ(Filtered(persistence::kNoSlot, one), Command({"SET", "ours", "1"}));
  EXPECT_EQ(Filtered(persistence::kNoSlot, Command({"FUNCTION", "LOAD", "x"})), "");
  EXPECT_TRUE(status_.ok());
}

TEST_F(SlotFilterTest, WhatEmptiesTheDatabaseIsAnError) {
  EXPECT_EQ(Filtered(persistence::kNoSlot, Command({"FLUSHALL"})), "");
  EXPECT_TRUE(absl::IsAborted(status_));
}

TEST_F(SlotFilterTest, AKeyOnEachSideIsAnError) {
  Filtered(persistence::kNoSlot, Command({"DEL", "ours", "theirs"}));
  EXPECT_TRUE(absl::IsFailedPrecondition(status_));
}

}  // namespace
}  // namespace henge::server
