// SPDX-License-Identifier: Apache-2.0
#include "commands/errors.h"

#include "base/strings.h"
#include "commands/arg_reader.h"

namespace henge::commands::errors {
namespace {

constexpr size_t kShownBytes = 128;  // How much of an unknown command's words an error repeats.

}  // namespace

std::string ExecAbort(std::string_view refusal) {
  if (refusal.starts_with("ERR ")) refusal.remove_prefix(4);
  return "EXECABORT Transaction discarded because of: " + std::string(refusal);
}

std::string NotWhileSubscribed(std::string_view full_name) {
  return "ERR Can't execute '" + std::string(full_name) +
         "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
         "context";
}

std::string InvalidExpire(std::string_view command) {
  return "ERR invalid expire time in '" + std::string(command) + "' command";
}

std::string WrongArity(std::string_view full_name) {
  return "ERR wrong number of arguments for '" + std::string(full_name) + "' command";
}

std::string UnknownCommand(std::string_view name, const ArgReader& args) {
  std::string text = "ERR unknown command '";
  text += name.substr(0, kShownBytes);
  text += "', with args beginning with: ";
  std::string shown;
  for (const std::string_view arg : args.all()) {
    if (shown.size() >= kShownBytes) break;
    shown += '\'';
    shown += arg.substr(0, kShownBytes - shown.size());
    shown += "' ";
  }
  return text + shown;
}

std::string UnknownSubcommand(std::string_view subcommand, std::string_view container) {
  return "ERR unknown subcommand '" + std::string(subcommand.substr(0, kShownBytes)) + "'. Try " +
         ToUpper(container) + " HELP.";
}

std::string SubcommandSyntax(std::string_view subcommand, std::string_view container) {
  return "ERR unknown subcommand or wrong number of arguments for '" +
         std::string(subcommand.substr(0, kShownBytes)) + "'. Try " + ToUpper(container) + " HELP.";
}

}  // namespace henge::commands::errors
