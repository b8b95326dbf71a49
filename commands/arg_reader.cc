// SPDX-License-Identifier: Apache-2.0
#include "commands/arg_reader.h"

#include "base/numbers.h"
#include "base/strings.h"
#include "commands/errors.h"

namespace henge::commands {

std::string_view ArgReader::Next() {
  if (empty()) {
    FailSyntax();
    return {};
  }
  return args_[next_++];
}

store::Key ArgReader::Key() {
  const std::string_view bytes = Next();
  // The dispatcher's keys come in the same order; views tell whether this is the one.
  for (size_t i = next_key_; i < keys_.size(); ++i) {
    if (keys_[i].bytes.data() != bytes.data() || keys_[i].bytes.size() != bytes.size()) continue;
    next_key_ = i + 1;
    return keys_[i];
  }
  return store::Key::Of(bytes);
}

int64_t ArgReader::Integer() { return IntegerOr(errors::kNotInteger); }

int64_t ArgReader::IntegerOr(std::string_view error) {
  return IntegerIn(INT64_MIN, INT64_MAX, error);
}

int64_t ArgReader::IntegerIn(int64_t low, int64_t high, std::string_view error) {
  const std::string_view text = Next();
  if (!ok()) return 0;
  const auto value = ParseInt64(text);
  if (value && *value >= low && *value <= high) return *value;
  Fail(error);
  return 0;
}

int32_t ArgReader::Int32() {
  const int64_t value = Integer();
  if (value >= INT32_MIN && value <= INT32_MAX) return static_cast<int32_t>(value);
  Fail(errors::kNotInt32);
  return 0;
}

double ArgReader::Double() {
  const std::string_view text = Next();
  if (!ok()) return 0;
  if (const auto value = ParseDouble(text)) return *value;
  Fail(errors::kNotFloat);
  return 0;
}

bool ArgReader::Accept(std::string_view word) {
  if (empty() || !EqualsIgnoreCase(args_[next_], word)) return false;
  ++next_;
  return true;
}

void ArgReader::FailSyntax() { Fail(errors::kSyntax); }

bool ArgReader::Done() {
  if (ok() && !empty()) FailSyntax();
  return ok();
}

}  // namespace henge::commands
