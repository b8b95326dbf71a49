// SPDX-License-Identifier: Apache-2.0
// ArgReader: a command's arguments, read in order. The first thing that is wrong is remembered and
// later reads return harmless values, so that a handler reads everything and checks once:
//
//   const auto& key = args.Key();
//   const int64_t delta = args.Integer();
//   if (!args.Done()) return ctx.reply.Error(args.error());
//
// Keys come with slot and hash from the dispatcher, which worked them out for locking.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/key.h"

namespace henge::commands {

class ArgReader {
 public:
  // `args` without the command's name; `keys` those the key specs found, in order of appearance.
  ArgReader(std::span<const std::string_view> args, std::span<const store::Key> keys)
      : args_(args), keys_(keys) {}

  size_t left() const { return args_.size() - next_; }
  bool empty() const { return left() == 0; }
  // All arguments, from the first after the name; position() is the index of the next.
  std::span<const std::string_view> all() const { return args_; }
  size_t position() const { return next_; }

  std::string_view Next();  // Latches "syntax error" when there is none left.
  std::string_view Peek() const { return empty() ? std::string_view() : args_[next_]; }
  void Skip(size_t n = 1) { next_ = next_ + n < args_.size() ? next_ + n : args_.size(); }
  store::Key Key();                           // The next argument as a key.
  int64_t Integer();                          // Latches "value is not an integer or out of range".
  int64_t IntegerOr(std::string_view error);  // The same with another text.
  int64_t IntegerIn(int64_t low, int64_t high, std::string_view error);
  int32_t Int32();  // Latches what Integer() does, or "value is out of range, …" beyond 32 bits.
  double Double();  // Latches "value is not a valid float".
  // Takes the next argument if it is `word`, in any case.
  bool Accept(std::string_view word);

  void Fail(std::string_view error) {
    if (ok()) error_ = error;
  }
  void FailSyntax();
  bool ok() const { return error_.empty(); }
  // Whether everything was read and right; leftovers latch "syntax error".
  bool Done();
  std::string_view error() const { return error_; }

 private:
  std::span<const std::string_view> args_;
  std::span<const store::Key> keys_;
  size_t next_ = 0;
  size_t next_key_ = 0;
  std::string error_;
};

}  // namespace henge::commands
