// SPDX-License-Identifier: Apache-2.0
// CallEffects: what the journal is to say about one call, so that a follower, or a restart, comes
// to the same data.
//
// Left alone, a call that changed anything is recorded as it was sent. A handler whose call would
// not do the same again (it drew lots, read the clock, waited for a key) says what would, as
// Redis's replication stream does: SPOP k as SREM k member, EXPIRE k 10 as PEXPIREAT k <ms>. What
// it says counts only if the call changed something. Lives for one call, on one thread.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace henge::commands {

class CallEffects {
 public:
  using Command = std::vector<std::string>;

  // Nobody listens: whatever is said is forgotten at once.
  CallEffects() = default;
  explicit CallEffects(bool wanted) : wanted_(wanted) {}

  // Whether it is worth while to put together something long.
  bool wanted() const { return wanted_; }

  // Instead of the call, this command; said several times, these commands in order.
  void Instead(std::initializer_list<std::string_view> words) {
    Instead(std::span(words.begin(), words.size()));
  }
  void Instead(std::span<const std::string_view> words) {
    replaced_ = true;
    if (wanted_) commands_.emplace_back(words.begin(), words.end());
  }
  // Instead of the call, that the key goes.
  void InsteadGone(std::string_view key, bool unlink) {
    Instead({unlink ? std::string_view("UNLINK") : std::string_view("DEL"), key});
  }
  // Instead of the call, nothing.
  void Nothing() { replaced_ = true; }
  // The call changed what is not among the keys (functions): it is told like one that changed some.
  void Always() { always_ = true; }
  bool always() const { return always_; }

  bool replaced() const { return replaced_; }
  const std::vector<Command>& commands() const { return commands_; }

 private:
  bool wanted_ = false;
  bool replaced_ = false;
  bool always_ = false;
  std::vector<Command> commands_;
};

}  // namespace henge::commands
