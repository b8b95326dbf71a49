// SPDX-License-Identifier: Apache-2.0
// The classes of keyspace events that notify-keyspace-events asks for, each a letter. A value; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace henge::pubsub {

enum class EventClass : uint8_t {
  kGeneric,     // g: DEL, EXPIRE, RENAME, …
  kString,      // $
  kList,        // l
  kSet,         // s
  kHash,        // h
  kSortedSet,   // z
  kExpired,     // x
  kEvicted,     // e
  kStream,      // t
  kModule,      // d
  kNew,         // n: a key was added; not in A.
  kOnKeyspace,  // K: publish to __keyspace@<db>__:<key>
  kOnKeyevent,  // E: publish to __keyevent@<db>__:<event>
  kMiss,        // m: a key was looked for in vain; not in A.
};

// The class of a letter. REQUIRES: it is one.
EventClass ClassOf(char letter);

class EventClasses {
 public:
  // Letters in any order, A for all of the data's classes; nullopt if one means nothing.
  static std::optional<EventClasses> Parse(std::string_view letters);
  // In Redis's order, A where all that it stands for are there.
  std::string Letters() const;

  bool Has(EventClass c) const { return (bits_ & BitOf(c)) != 0; }
  // Whether anything can be published: there must be a kind of channel and something to tell.
  bool PublishesAny() const;
  uint16_t bits() const { return bits_; }
  static EventClasses FromBits(uint16_t bits) {
    EventClasses classes;
    classes.bits_ = bits;
    return classes;
  }
  bool operator==(const EventClasses&) const = default;

 private:
  static constexpr uint16_t BitOf(EventClass c) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(c));
  }
  uint16_t bits_ = 0;
};

}  // namespace henge::pubsub
