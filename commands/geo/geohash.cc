// SPDX-License-Identifier: Apache-2.0
#include "commands/geo/geohash.h"

#include <algorithm>

namespace henge::commands::geo {
namespace {

constexpr Range kLongitudes = {-kMaxLongitude, kMaxLongitude};
constexpr Range kLatitudes = {-kMaxLatitude, kMaxLatitude};
constexpr Range kAllLatitudes = {-90, 90};

constexpr uint64_t kLatitudeBits = 0x5555555555555555;
constexpr uint64_t kLongitudeBits = 0xaaaaaaaaaaaaaaaa;

// Puts a zero before each bit.
uint64_t Spread(uint32_t bits) {
  uint64_t x = bits;
  x = (x | x << 16) & 0x0000ffff0000ffff;
  x = (x | x << 8) & 0x00ff00ff00ff00ff;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x << 2) & 0x3333333333333333;
  return (x | x << 1) & kLatitudeBits;
}
// Takes every second bit, from the lowest on.
uint32_t Gather(uint64_t x) {
  x &= kLatitudeBits;
  x = (x | x >> 1) & 0x3333333333333333;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff00ff00ff;
  x = (x | x >> 8) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(x | x >> 16);
}

double PowerOfTwo(int steps) { return static_cast<double>(uint64_t{1} << steps); }

// In which of 2^steps equal parts of the range the value is. Its upper end is one beyond.
uint32_t PartOf(double value, const Range& range, int steps) {
  const double share = (value - range.min) / (range.max - range.min);
  return static_cast<uint32_t>(share * PowerOfTwo(steps));
}
Range PartAt(uint32_t part, const Range& range, int steps) {
  const double width = range.max - range.min;
  const double parts = PowerOfTwo(steps);
  return {range.min + part / parts * width, range.min + (part + 1u) / parts * width};
}

uint64_t BitsOf(const Point& point, const Range& latitudes, int steps) {
  return Spread(PartOf(point.latitude, latitudes, steps)) |
         Spread(PartOf(point.longitude, kLongitudes, steps)) << 1;
}

double Middle(const Range& range, double limit) {
  return std::clamp((range.min + range.max) / 2, -limit, limit);
}

// The bits of any double at all, as x86-64 converts those that are no 52-bit number.
uint64_t BitsOfScore(double score) {
  constexpr double kTop = 0x1p63;
  if (score >= kTop) return score < 2 * kTop ? static_cast<uint64_t>(score) : 0;
  if (score >= -kTop) return static_cast<uint64_t>(static_cast<int64_t>(score));
  return uint64_t{1} << 63;
}

// Adds 1 or takes it away from the number whose bits are those of `mine`, within `all`.
uint64_t Moved(uint64_t bits, int by, uint64_t mine, uint64_t all) {
  const uint64_t between = ~mine & all;  // Filled with ones, these carry.
  const uint64_t moved =
      by > 0 ? (bits & mine) + between + 1 : ((bits & mine) | between) - between - 1;
  return (moved & mine & all) | (bits & ~mine);
}

}  // namespace

bool IsOnMap(const Point& point) {
  return point.longitude >= -kMaxLongitude && point.longitude <= kMaxLongitude &&
         point.latitude >= -kMaxLatitude && point.latitude <= kMaxLatitude;
}

Cell CellOf(const Point& point, int steps) { return {BitsOf(point, kLatitudes, steps), steps}; }

Bounds BoundsOf(const Cell& cell) {
  return {PartAt(Gather(cell.bits >> 1), kLongitudes, cell.steps),
          PartAt(Gather(cell.bits), kLatitudes, cell.steps)};
}

Cell Neighbour(const Cell& cell, int east, int north) {
  const uint64_t all = ~uint64_t{0} >> (64 - 2 * cell.steps);
  Cell neighbour = cell;
  if (east != 0) neighbour.bits = Moved(neighbour.bits, east, kLongitudeBits, all);
  if (north != 0) neighbour.bits = Moved(neighbour.bits, north, kLatitudeBits, all);
  return neighbour;
}

double ScoreOf(const Point& point) { return static_cast<double>(CellOf(point, kMaxSteps).bits); }

Point PointOf(double score) {
  const Bounds bounds = BoundsOf({BitsOfScore(score), kMaxSteps});
  return {Middle(bounds.longitude, kMaxLongitude), Middle(bounds.latitude, kMaxLatitude)};
}

ScoreSpan ScoresOf(const Cell& cell) {
  const int below = 2 * (kMaxSteps - cell.steps);
  return {static_cast<double>(cell.bits << below), static_cast<double>((cell.bits + 1) << below)};
}

std::string TextOf(const Point& point) {
  static constexpr char kLetters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  const uint64_t bits = BitsOf(point, kAllLatitudes, kMaxSteps);
  std::string text;
  for (int shift = 2 * kMaxSteps - 5; shift >= 0; shift -= 5) text += kLetters[bits >> shift & 31];
  return text + kLetters[0];
}

}  // namespace henge::commands::geo
