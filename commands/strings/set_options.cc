// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/set_options.h"

#include "base/numbers.h"

namespace henge::commands {
namespace {

struct OptionWord {
  std::string_view word;
  SetOption option;
  uint8_t excludes;
};

constexpr OptionWord kWords[] = {
    {"NX", kOptionNx, kOptionXx | kOptionIfEq},
    {"XX", kOptionXx, kOptionNx | kOptionIfEq},
    {"GET", kOptionGet, 0},
    {"KEEPTTL", kOptionKeepTtl, kOptionPersist},
    {"PERSIST", kOptionPersist, kOptionKeepTtl},
};
constexpr uint8_t kDecidesDeadline = kOptionKeepTtl | kOptionPersist;

// IFEQ comes once, with the value to compare with.
bool AcceptComparison(ArgReader& args, uint8_t allowed, SetOptions& options) {
  constexpr uint8_t kConditions = kOptionNx | kOptionXx | kOptionIfEq;
  if ((allowed & kOptionIfEq) == 0 || (options.given & kConditions) != 0) return false;
  if (args.left() < 2 || !args.Accept("IFEQ")) return false;
  options.given |= kOptionIfEq;
  options.comparison = args.Next();
  return true;
}

bool AcceptWord(ArgReader& args, uint8_t allowed, SetOptions& options) {
  for (const OptionWord& word : kWords) {
    if ((word.option & allowed) == 0 || (options.given & word.excludes) != 0) continue;
    if (options.unit && (word.option & kDecidesDeadline) != 0) continue;
    if (!args.Accept(word.word)) continue;
    options.given |= word.option;
    return true;
  }
  return false;
}

}  // namespace

SetOptions ReadSetOptions(ArgReader& args, uint8_t allowed) {
  SetOptions options;
  while (args.ok() && !args.empty()) {
    if (AcceptWord(args, allowed, options) || AcceptComparison(args, allowed, options)) continue;
    const bool has_room = args.left() > 1 && (options.given & kDecidesDeadline) == 0;
    const auto unit = has_room ? AcceptTimeUnit(args) : std::nullopt;
    // As in Redis the same unit may come again, and the last number counts.
    if (!unit || unit != options.unit.value_or(*unit)) return args.FailSyntax(), options;
    options.unit = unit;
    options.number = args.Next();
  }
  return options;
}

std::optional<UnixMillis> DeadlineOrReply(CommandContext& ctx, const SetOptions& options) {
  if (!options.unit) return kNoExpiry;
  const auto number = ParseInt64(options.number);
  if (!number) return ctx.reply.Error(errors::kNotInteger), std::nullopt;
  const auto at = Deadline(*number, *options.unit, ctx.keyspace.now(), /*allow_past=*/false);
  if (!at) ctx.reply.Error(errors::InvalidExpire(ctx.spec.name));
  return at;
}

}  // namespace henge::commands
