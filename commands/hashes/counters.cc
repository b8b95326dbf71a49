// SPDX-License-Identifier: Apache-2.0
// Numbers kept in fields: HINCRBY and HINCRBYFLOAT.
#include <cmath>
#include <string>

#include "base/numbers.h"
#include "commands/hashes/handlers.h"
#include "commands/hashes/hash_access.h"

namespace henge::commands {
namespace {

using IfAbsent = store::Keyspace::IfAbsent;

std::optional<int64_t> IntegerOf(const store::FieldText& text) {
  if (text.is_integer()) return text.integer;
  return ParseInt64({text.data, text.size});
}

std::optional<long double> FloatOf(const store::FieldText& text) {
  if (text.is_integer()) return static_cast<long double>(text.integer);
  return ParseLongDouble({text.data, text.size});
}

}  // namespace

void HIncrBy(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view field = args.Next();
  const int64_t delta = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  int64_t sum = 0;
  std::string_view error;
  if (!ModifyFields(
          ctx, key, IfAbsent::kCreate, hash_events::kHIncrBy, {&field, 1}, [&](store::Hash& hash) {
            const auto text = hash.Get(field);
            const auto old = text ? IntegerOf(*text) : 0;
            if (!old) {
              error = "ERR hash value is not an integer";
            } else if (__builtin_add_overflow(*old, delta, &sum)) {
              error = errors::kOverflow;
            } else {
              char digits[kInt64Chars];
              hash.Set(field, {digits, FormatInt64(sum, digits)}, store::Hash::Deadline::kKeep);
            }
            return error.empty();
          })) {
    return;
  }
  error.empty() ? ctx.reply.Integer(sum) : ctx.reply.Error(error);
}

void HIncrByFloat(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view field = args.Next();
  const auto delta = ParseLongDouble(args.Next());
  if (!delta) return ctx.reply.Error(errors::kNotFloat);
  if (std::isinf(*delta)) return ctx.reply.Error("ERR value is NaN or Infinity");
  std::string digits;
  std::string_view error;
  UnixMillis deadline = kNoExpiry;
  if (!ModifyFields(ctx, key, IfAbsent::kCreate, hash_events::kHIncrByFloat, {&field, 1},
                    [&](store::Hash& hash) {
                      const auto text = hash.Get(field);
                      const auto old = text ? FloatOf(*text) : 0.0L;
                      const long double sum = old.value_or(0) + *delta;
                      if (!old) {
                        error = "ERR hash value is not a float";
                      } else if (std::isnan(sum) || std::isinf(sum)) {
                        error = errors::kNanOrInfinity;
                      } else {
                        digits = FormatLongDouble(sum);
                        hash.Set(field, digits, store::Hash::Deadline::kKeep);
                        deadline = hash.DeadlineOf(field).value_or(kNoExpiry);
                      }
                      return error.empty();
                    })) {
    return;
  }
  if (!error.empty()) return ctx.reply.Error(error);
  // Another machine's floats may differ in the last digits. HSET drops the deadline.
  ctx.effects.Instead({"HSET", key.bytes, field, digits});
  if (deadline != kNoExpiry) {
    ctx.effects.Instead({"HPEXPIREAT", key.bytes, std::to_string(deadline), "FIELDS", "1", field});
  }
  ctx.reply.Bulk(digits);
}

}  // namespace henge::commands
