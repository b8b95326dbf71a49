// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/set_options.h"

#include <optional>

#include "base/numbers.h"
#include "commands/errors.h"
#include "commands/expiry_args.h"

namespace henge::commands {
namespace {

struct OptionWord {
  std::string_view word;
  SetOption option;
  uint8_t excludes;
};

constexpr OptionWord kWords[] = {
    {"NX", kOptionNx, kOptionXx},
    {"XX", kOptionXx, kOptionNx},
    {"GET", kOptionGet, 0},
    {"KEEPTTL", kOptionKeepTtl, kOptionPersist},
    {"PERSIST", kOptionPersist, kOptionKeepTtl},
};
constexpr uint8_t kDecidesDeadline = kOptionKeepTtl | kOptionPersist;

bool AcceptWord(ArgReader& args, uint8_t allowed, bool has_deadline, SetOptions& options) {
  for (const OptionWord& word : kWords) {
    if ((word.option & allowed) == 0 || (options.given & word.excludes) != 0) continue;
    if (has_deadline && (word.option & kDecidesDeadline) != 0) continue;
    if (!args.Accept(word.word)) continue;
    options.given |= word.option;
    return true;
  }
  return false;
}

}  // namespace

SetOptions ReadSetOptions(ArgReader& args, uint8_t allowed, UnixMillis now,
                          std::string_view command) {
  SetOptions options;
  std::optional<TimeUnit> unit;
  std::string_view number;
  while (args.ok() && !args.empty()) {
    if (AcceptWord(args, allowed, unit.has_value(), options)) continue;
    const bool free = !unit && (options.given & kDecidesDeadline) == 0;
    const auto given = free && args.left() > 1 ? AcceptTimeUnit(args) : std::nullopt;
    if (!given) return args.FailSyntax(), options;
    unit = given;
    number = args.Next();
  }
  if (!unit) return options;
  const auto value = ParseInt64(number);
  const auto at = value ? Deadline(*value, *unit, now, /*allow_past=*/false) : std::nullopt;
  if (!at) options.deadline_error = value ? errors::InvalidExpire(command) : errors::kNotInteger;
  options.expiry = at.value_or(kNoExpiry);
  return options;
}

}  // namespace henge::commands
