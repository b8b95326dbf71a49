// SPDX-License-Identifier: Apache-2.0
#include "server/config/value.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <charconv>

#include "base/numbers.h"
#include "base/strings.h"
#include "server/config/structured.h"

namespace henge::server {
namespace {

absl::Status Refused(std::string_view reason) { return absl::InvalidArgumentError(Absl(reason)); }

absl::Status OutOfRange(const Parameter& parameter) {
  if (parameter.type == ParameterType::kOctal) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "argument must be between %o and %o inclusive", parameter.min, parameter.max));
  }
  return absl::InvalidArgumentError(absl::StrCat("argument must be between ", parameter.min,
                                                 " and ", parameter.max, " inclusive"));
}

absl::StatusOr<Value> InRange(const Parameter& parameter, int64_t number) {
  if (number < parameter.min || number > parameter.max) return OutOfRange(parameter);
  return Value{.number = number};
}

absl::StatusOr<Value> ParseBool(std::string_view word) {
  if (EqualsIgnoreCase(word, "yes")) return Value{.number = 1};
  if (EqualsIgnoreCase(word, "no")) return Value{.number = 0};
  return Refused("argument must be 'yes' or 'no'");
}

absl::StatusOr<Value> ParseOctal(const Parameter& parameter, std::string_view word) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, 8);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) {
    return Refused("argument couldn't be parsed as an octal number");
  }
  return InRange(parameter, number);
}

absl::StatusOr<Value> ParseSizeOrPercent(const Parameter& parameter, std::string_view word) {
  if (!word.empty() && word.back() == '%') {
    const auto percent = ParseInt64(word.substr(0, word.size() - 1));
    if (!percent || *percent < 0) return Refused("argument must be a memory or percent value");
    if (-*percent < parameter.min) {
      return absl::InvalidArgumentError(
          absl::StrCat("percentage argument must be less or equal to ", -parameter.min));
    }
    return Value{.number = -*percent};
  }
  const auto size = ParseMemory(word);
  if (!size) return Refused("argument must be a memory or percent value");
  return InRange(parameter, *size);
}

absl::StatusOr<Value> ParseNumeric(const Parameter& parameter, std::string_view word) {
  if (parameter.type == ParameterType::kOctal) return ParseOctal(parameter, word);
  if (parameter.type == ParameterType::kSizeOrPercent) return ParseSizeOrPercent(parameter, word);
  const bool size = parameter.type == ParameterType::kSize;
  const auto number = size ? ParseMemory(word) : ParseInt64(word);
  if (!number) {
    return Refused(size ? "argument must be a memory value"
                        : "argument couldn't be parsed into an integer");
  }
  return InRange(parameter, *number);
}

const ChoiceName* FindChoice(const Parameter& parameter, std::string_view word) {
  for (const ChoiceName& choice : parameter.choices) {
    if (EqualsIgnoreCase(choice.name, word)) return &choice;
  }
  return nullptr;
}

absl::StatusOr<Value> ParseChoices(const Parameter& parameter, std::span<const std::string> words) {
  Value value;
  for (const std::string& word : words) {
    const ChoiceName* choice = FindChoice(parameter, word);
    if (choice == nullptr) {
      std::string list;
      for (const ChoiceName& each : parameter.choices) {
        absl::StrAppend(&list, list.empty() ? "" : ", ", Absl(each.name));
      }
      return absl::InvalidArgumentError(
          absl::StrCat("argument(s) must be one of the following: ", list));
    }
    value.number |= choice->value;
  }
  return value;
}

std::string FormatChoices(const Parameter& parameter, int64_t number) {
  std::string names;
  for (const ChoiceName& choice : parameter.choices) {
    if (parameter.type == ParameterType::kOneOf) {
      if (choice.value == number) return std::string(choice.name);
    } else if (choice.value != 0 && (number & choice.value) == choice.value) {
      absl::StrAppend(&names, names.empty() ? "" : " ", Absl(choice.name));
    }
  }
  return names.empty() ? std::string(parameter.choices[0].name) : names;
}

bool TakesOneWord(const Parameter& parameter) {
  return !parameter.Has(kMultiArg) && parameter.type != ParameterType::kKeyspaceEvents;
}

absl::StatusOr<Value> ParseByType(const Parameter& parameter, std::span<const std::string> words,
                                  const Value& current) {
  switch (parameter.type) {
    case ParameterType::kBool:
      return ParseBool(words[0]);
    case ParameterType::kInt:
    case ParameterType::kOctal:
    case ParameterType::kSize:
    case ParameterType::kSizeOrPercent:
      return ParseNumeric(parameter, words[0]);
    case ParameterType::kOneOf:
    case ParameterType::kAnyOf:
      return ParseChoices(parameter, words);
    case ParameterType::kString:
      return Value{.text = words[0]};
    default:
      break;
  }
  absl::StatusOr<std::string> text = CanonicalText(parameter.type, words, current.text);
  if (!text.ok()) return text.status();
  return Value{.text = *std::move(text)};
}

bool HasSlash(const Value& value) { return value.text.find('/') != std::string::npos; }

// What single parameters ask for beyond their type.
absl::Status CheckOne(const Parameter& parameter, const Value& value) {
  const std::string_view name = parameter.name;
  if (parameter.Has(kOnlyDefault) && value != DefaultValue(parameter)) {
    return Refused("Henge can't do this yet");
  }
  if (name == "dbfilename" && HasSlash(value)) {
    return Refused("dbfilename can't be a path, just a filename");
  }
  if (name == "appendfilename" || name == "appenddirname") {
    if (value.text.empty())
      return absl::InvalidArgumentError(absl::StrCat(Absl(name), " can't be empty"));
    if (HasSlash(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Absl(name), " can't be a path, just a ",
                       name == "appendfilename" ? "filename" : "dirname"));
    }
  }
  if (name == "activedefrag" && value.number != 0) {
    return Refused(
        "Active defragmentation cannot be enabled: Henge's allocator has no hook for it");
  }
  if (name == "cluster-announce-hostname") return CheckHostname(value.text);
  if (name == "cluster-announce-human-nodename") return CheckNodename(value.text);
  constexpr int64_t kBothSaves = kShutdownSave | kShutdownNoSave;
  if (parameter.type == ParameterType::kAnyOf && (value.number & kBothSaves) == kBothSaves) {
    return Refused("shutdown options SAVE and NOSAVE can't be used simultaneously");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Value> ParseValue(const Parameter& parameter, std::span<const std::string> words,
                                 const Value& current) {
  const bool may_be_bare = parameter.type == ParameterType::kSavePoints;  // Then there are none.
  if ((words.empty() && !may_be_bare) || (TakesOneWord(parameter) && words.size() != 1)) {
    return Refused("wrong number of arguments");
  }
  absl::StatusOr<Value> value = ParseByType(parameter, words, current);
  if (!value.ok()) return value;
  if (absl::Status status = CheckOne(parameter, *value); !status.ok()) return status;
  return value;
}

std::string FormatValue(const Parameter& parameter, const Value& value) {
  switch (parameter.type) {
    case ParameterType::kBool:
      return value.number != 0 ? "yes" : "no";
    case ParameterType::kInt:
    case ParameterType::kSize:
      return absl::StrCat(value.number);
    case ParameterType::kSizeOrPercent:
      return value.number < 0 ? absl::StrCat(-value.number, "%") : absl::StrCat(value.number);
    case ParameterType::kOctal:
      return absl::StrFormat("%o", value.number);
    case ParameterType::kOneOf:
    case ParameterType::kAnyOf:
      return FormatChoices(parameter, value.number);
    default:
      return value.text;
  }
}

std::string FormatSize(int64_t bytes) {
  struct Unit {
    const char* name;
    int64_t bytes;
  };
  for (const Unit& unit :
       {Unit{"gb", int64_t{1} << 30}, Unit{"mb", 1 << 20}, Unit{"kb", 1 << 10}}) {
    if (bytes != 0 && bytes % unit.bytes == 0) return absl::StrCat(bytes / unit.bytes, unit.name);
  }
  return absl::StrCat(bytes);
}

Value LoadValue(const Parameter& parameter, Settings& settings) {
  if (parameter.cell != nullptr) return {.number = parameter.cell(settings).number()};
  return {.text = parameter.text(settings).load()};
}

void StoreValue(const Parameter& parameter, const Value& value, Settings& settings) {
  if (parameter.cell != nullptr) return parameter.cell(settings).Store(value.number);
  parameter.text(settings).Store(value.text);
}

Value DefaultValue(const Parameter& parameter) {
  if (parameter.cell != nullptr) return {.number = parameter.default_number};
  return {.text = std::string(parameter.default_text)};
}

}  // namespace henge::server
