// SPDX-License-Identifier: Apache-2.0
#include "pubsub/event_classes.h"

namespace henge::pubsub {
namespace {

// The letters in the order of the enumeration, which is also the order they are shown in.
constexpr std::string_view kLetters = "g$lshzxetdnKEm";
constexpr unsigned kInAll = 10;  // The first so many are what A stands for.
constexpr uint16_t kAll = (1u << kInAll) - 1;

}  // namespace

EventClass ClassOf(char letter) { return static_cast<EventClass>(kLetters.find(letter)); }

std::optional<EventClasses> EventClasses::Parse(std::string_view letters) {
  EventClasses classes;
  for (const char letter : letters) {
    const size_t at = kLetters.find(letter);
    if (letter == 'A') {
      classes.bits_ |= kAll;
    } else if (at != std::string_view::npos) {
      classes.bits_ |= BitOf(static_cast<EventClass>(at));
    } else {
      return std::nullopt;
    }
  }
  return classes;
}

std::string EventClasses::Letters() const {
  const bool all = (bits_ & kAll) == kAll;
  std::string letters = all ? "A" : "";
  for (size_t at = all ? kInAll : 0; at < kLetters.size(); ++at) {
    if (Has(static_cast<EventClass>(at))) letters += kLetters[at];
  }
  return letters;
}

bool EventClasses::PublishesAny() const {
  const uint16_t channels = BitOf(EventClass::kOnKeyspace) | BitOf(EventClass::kOnKeyevent);
  return (bits_ & channels) != 0 && (bits_ & ~channels) != 0;
}

}  // namespace henge::pubsub
