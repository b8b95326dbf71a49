// SPDX-License-Identifier: Apache-2.0
#include "commands/syntax.h"

namespace henge::commands {
namespace {

using Type = Argument::Type;

std::string Text(const Argument& argument, bool alternative);

std::string Alternatives(const Argument& choice) {
  std::string out;
  for (const Argument& each : choice.arguments) {
    if (!out.empty()) out += " | ";
    out += Text(each, true);
  }
  return out;
}

// What stands for the argument without its token; `enclosed` if there are brackets around it.
std::string ValueText(const Argument& argument, bool enclosed) {
  switch (argument.type) {
    case Type::kPureToken:
      return argument.token;
    case Type::kOneOf:
      return enclosed ? Alternatives(argument) : "<" + Alternatives(argument) + ">";
    case Type::kBlock:
      return SyntaxText(argument.arguments);
    default:
      return argument.text;
  }
}

std::string Text(const Argument& argument, bool alternative) {
  const bool has_token = !argument.token.empty() && argument.type != Type::kPureToken;
  if (argument.type == Type::kOneOf && argument.multiple && !has_token) {
    const std::string inner = Alternatives(argument) + " ...";
    return argument.optional ? "[" + inner + "]" : "<" + inner + ">";
  }
  const bool enclosed = argument.optional && !argument.multiple && !has_token;
  const std::string value = ValueText(argument, enclosed);
  std::string out = has_token ? argument.token + " " + value : value;
  if (argument.multiple) out += " [" + (argument.multiple_token ? out : value) + " ...]";
  if (argument.optional) return "[" + out + "]";
  const bool loose = argument.type == Type::kBlock && argument.arguments.size() > 1 && !has_token &&
                     !argument.multiple && !alternative;
  return loose ? "<" + out + ">" : out;
}

}  // namespace

std::string SyntaxText(const std::vector<Argument>& arguments) {
  std::string out;
  for (const Argument& argument : arguments) {
    if (!out.empty()) out += ' ';
    out += Text(argument, false);
  }
  return out;
}

}  // namespace henge::commands
