// SPDX-License-Identifier: Apache-2.0
#include "commands/command_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henge::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void Nothing(CommandContext&, ArgReader&) {}

constexpr CommandSpec kList = {.name = "list",
                               .group = Group::kConnection,
                               .since = "2.4.0",
                               .complexity = "O(N)",
                               .summary = "Lists a|b.",
                               .syntax = "[a | b]",
                               .handler = Nothing};
constexpr CommandSpec kClient = {.name = "client", .group = Group::kConnection};
constexpr CommandSpec kGet = {.name = "get",
                              .group = Group::kString,
                              .since = "1.0.0",
                              .complexity = "O(1)",
                              .summary = "Gets.",
                              .syntax = "key",
                              .handler = Nothing};

TEST(CommandReference, HasARowForEachCommandByGroup) {
  const CommandInfo infos[] = {
      {.spec = &kGet, .full_name = "get"},
      {.spec = &kClient, .full_name = "client"},
      {.spec = &kList, .container = &kClient, .full_name = "client|list"},
  };
  const std::string page = CommandReference(infos);
  EXPECT_THAT(page, HasSubstr("## Strings\n\n| command | since | complexity | what it does |\n"
                              "|---|---|---|---|\n| `GET key` | 1.0.0 | O(1) | Gets. |\n"));
  EXPECT_THAT(page, HasSubstr("| `CLIENT LIST [a \\| b]` | 2.4.0 | O(N) | Lists a\\|b. |\n"));
  EXPECT_THAT(page, Not(HasSubstr("`CLIENT`")));
  EXPECT_LT(page.find("## Connections"), page.find("## Strings"));
}

}  // namespace
}  // namespace henge::commands
