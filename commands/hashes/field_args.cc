// SPDX-License-Identifier: Apache-2.0
#include "commands/hashes/field_args.h"

#include <limits>

namespace henge::commands {

std::span<const std::string_view> ReadFields(ArgReader& args, std::string_view bad_count) {
  if (!args.Accept("FIELDS")) {
    args.Fail("ERR Mandatory argument FIELDS is missing or not at the right position");
    return {};
  }
  const int64_t count = args.IntegerIn(1, std::numeric_limits<int64_t>::max(), bad_count);
  if (static_cast<uint64_t>(count) != args.left()) {
    args.Fail("ERR The `numfields` parameter must match the number of arguments");
    return {};
  }
  const auto fields = args.all().subspan(args.position());
  args.Skip(fields.size());
  return fields;
}

UnixMillis ReadFieldDeadline(CommandContext& ctx, ArgReader& args, TimeUnit unit) {
  int64_t at = args.Integer();
  if (!args.ok()) return 0;
  if (at < 0) {
    args.Fail("ERR invalid expire time, must be >= 0");
    return 0;
  }
  const UnixMillis base = unit.absolute ? 0 : ctx.keyspace.now();
  if ((unit.seconds && at > kMaxFieldDeadline / 1000) ||
      (unit.seconds ? at * 1000 : at) > kMaxFieldDeadline - base) {
    args.Fail(errors::InvalidExpire(ctx.spec.name));
    return 0;
  }
  return (unit.seconds ? at * 1000 : at) + base;
}

void ReplyBadArgs(CommandContext& ctx, const store::Key& key, const ArgReader& args) {
  const bool other_type = ctx.keyspace.PeekAs(key, store::Type::kHash).other_type;
  ctx.reply.Error(other_type ? errors::kWrongType : args.error());
}

void FieldEffect::SayDeleted(const store::Key& key) {
  if (count_ == 0) return;
  std::vector<std::string_view> words = {"HDEL", key.bytes};
  words.insert(words.end(), fields_.begin(), fields_.end());
  ctx_.effects.Instead(words);
}

void FieldEffect::SayFields(std::string_view command, const store::Key& key, UnixMillis at) {
  if (count_ == 0) return;
  const std::string time = at == kNoExpiry ? "" : std::to_string(at);
  const std::string count = std::to_string(count_);
  std::vector<std::string_view> words = {command, key.bytes};
  if (at != kNoExpiry) words.push_back(time);
  words.insert(words.end(), {"FIELDS", count});
  words.insert(words.end(), fields_.begin(), fields_.end());
  ctx_.effects.Instead(words);
}

}  // namespace henge::commands
