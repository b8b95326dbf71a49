// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/stream_places.h"

#include <gtest/gtest.h>

#include <string>

namespace henge::persistence {
namespace {

TEST(StreamPlaces, TellsTheLastThatWasPutBefore) {
  StreamPlaces places;
  EXPECT_EQ(places.At(100), std::nullopt);
  EXPECT_EQ(places.NextBehind(0), StreamPlaces::kNever);
  places.Put(10, {"a", 1000});
  places.Put(50, {});
  places.Put(70, {"b", 7});
  EXPECT_EQ(places.At(9), std::nullopt);
  EXPECT_EQ(places.At(10), (StreamPlace{"a", 1000}));
  EXPECT_EQ(places.At(49), (StreamPlace{"a", 1039}));
  EXPECT_EQ(places.At(60), StreamPlace{});
  EXPECT_EQ(places.At(75), (StreamPlace{"b", 12}));
  EXPECT_EQ(places.NextBehind(10), 50u);
  EXPECT_EQ(places.NextBehind(70), StreamPlaces::kNever);
}

TEST(StreamPlaces, WhatIsPutAtTheSamePlaceTakesItsPlace) {
  StreamPlaces places;
  places.Put(10, {"a", 1});
  places.Put(10, {"b", 2});
  EXPECT_EQ(places.At(10), (StreamPlace{"b", 2}));
}

TEST(StreamPlaces, ForgetsTheOldestOfVeryMany) {
  StreamPlaces places;
  for (Lsn at = 0; at < 10000; ++at) places.Put(at, {"a", 0});
  EXPECT_EQ(places.At(0), std::nullopt);
  EXPECT_EQ(places.At(9999), (StreamPlace{"a", 0}));
}

TEST(PlaceReader, CountsFromALineOn) {
  PlaceReader reader;
  reader.OnUnit(5);
  EXPECT_EQ(reader.place(), std::nullopt);
  reader.OnAnnotation("#HENGE-AT:100:name:7");
  reader.OnUnit(5);
  reader.OnAnnotation("#TS:1700000000");
  reader.OnAnnotation("#HENGE-SKIP:14");
  reader.OnUnit(6);
  EXPECT_EQ(reader.place(), (StreamPlace{"name:7", 125}));
  reader.OnAnnotation("#HENGE-AT:3:other");
  EXPECT_EQ(reader.place(), (StreamPlace{"other", 3}));
  reader.OnAnnotation("#HENGE-AT:");
  EXPECT_EQ(reader.place(), std::nullopt);
}

TEST(PlaceReader, BelievesNothingThatMakesNoSense) {
  for (const std::string line : {"#HENGE-AT:", "#HENGE-AT::a", "#HENGE-AT:-1:a", "#HENGE-AT:x:a",
                                 "#HENGE-AT:1:", "#HENGE-AT:99999999999999999999:a",
                                 "#HENGE-SKIP:", "#HENGE-SKIP:-1", "#HENGE-SKIP:x"}) {
    PlaceReader reader;
    reader.OnAnnotation("#HENGE-AT:100:name");
    reader.OnAnnotation(line);
    EXPECT_EQ(reader.place(), std::nullopt) << line;
  }
}

TEST(PlaceReader, ReadsWhatIsWritten) {
  const auto read = [](PlaceReader& reader, const std::string& line) {
    ASSERT_TRUE(line.ends_with("\r\n"));
    reader.OnAnnotation(std::string_view(line).substr(0, line.size() - 2));
  };
  const StreamPlace place{std::string(100, 'x'), INT64_MAX / 2};
  PlaceReader reader;
  read(reader, PlaceLine(place));
  EXPECT_EQ(reader.place(), place);
  EXPECT_LE(PlaceLine(place).size(), kLongestPlaceLine);
  read(reader, SkipLine(9));
  EXPECT_EQ(reader.place()->offset, place.offset + 9);
  read(reader, PlaceLine({}));
  EXPECT_EQ(reader.place(), std::nullopt);
}

}  // namespace
}  // namespace henge::persistence
