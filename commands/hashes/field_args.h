// SPDX-License-Identifier: Apache-2.0
// What the commands on fields' deadlines have in common: "FIELDS n field …" and times. Lives for a
// call.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "commands/arg_reader.h"
#include "commands/context.h"
#include "commands/expiry_args.h"

namespace henge::commands {

// Redis's bound of a field's deadline.
inline constexpr int64_t kMaxFieldDeadline = (int64_t{1} << 46) - 1;

// The fields after "FIELDS n", which must be all that is left; latches what is wrong.
std::span<const std::string_view> ReadFields(ArgReader& args, std::string_view bad_count);
inline constexpr std::string_view kBadFieldCount =
    "ERR Number of fields must be a positive integer";

// The next argument as an absolute deadline; latches what is wrong.
UnixMillis ReadFieldDeadline(CommandContext& ctx, ArgReader& args, TimeUnit unit);

// Replies what is wrong with the arguments, or first WRONGTYPE if the key is of another type.
void ReplyBadArgs(CommandContext& ctx, const store::Key& key, const ArgReader& args);

// Gathers, while a command goes through its fields, what the journal is to say instead of it.
class FieldEffect {
 public:
  explicit FieldEffect(CommandContext& ctx) : ctx_(ctx) {}
  void Add(std::string_view field) {
    ++count_;
    if (ctx_.effects.wanted()) fields_.emplace_back(field);
  }
  size_t count() const { return count_; }
  // "HDEL key field …"
  void SayDeleted(const store::Key& key);
  // "<command> key [at] FIELDS n field …"; kNoExpiry: without a time.
  void SayFields(std::string_view command, const store::Key& key, UnixMillis at = kNoExpiry);

 private:
  CommandContext& ctx_;
  size_t count_ = 0;
  std::vector<std::string_view> fields_;
};

}  // namespace henge::commands
