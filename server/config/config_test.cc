// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "server/config/command_line.h"
#include "server/config/redis_conf.h"
#include "server/config/structured.h"
#include "server/config/yaml_conf.h"

namespace henge::server {
namespace {

using Pairs = std::vector<Config::NameValue>;

std::string Get(Config& config, const std::string& name) {
  const std::vector<std::string> patterns = {name};
  const Pairs found = config.Get(patterns);
  return found.size() == 1 ? found[0].second : "<" + std::to_string(found.size()) + ">";
}

std::string Set(Config& config, const Pairs& values) { return config.Set(values, false); }

// A file of its own for each test.
class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest()
      : directory_(testing::TempDir() + "/config_" +
                   testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  std::string Read(const std::string& name) { return *ReadFile(directory_ + "/" + name); }

  std::string directory_;
};

TEST(Parameters, AreNamedOnceAndHaveADefaultThatTheyAccept) {
  StringSet names;
  StringSet paths;
  Config config;
  for (const Parameter& parameter : AllParameters()) {
    EXPECT_TRUE(names.insert(std::string(parameter.name)).second) << parameter.name;
    EXPECT_TRUE(paths.insert(std::string(parameter.yaml)).second) << parameter.yaml;
    EXPECT_TRUE((parameter.cell == nullptr) != (parameter.text == nullptr)) << parameter.name;
    EXPECT_FALSE(parameter.summary.empty()) << parameter.name;
    EXPECT_FALSE(IsYamlSection(parameter.yaml)) << parameter.yaml;
    if (parameter.type == ParameterType::kDirectory) continue;
    const Value value = DefaultValue(parameter);
    const std::string text = FormatValue(parameter, value);
    std::vector<std::string> words =
        parameter.Has(kMultiArg) && !text.empty() ? SplitWords(text) : std::vector{text};
    const auto parsed = ParseValue(parameter, words, value);
    ASSERT_TRUE(parsed.ok()) << parameter.name << ": " << parsed.status();
    EXPECT_EQ(*parsed, value) << parameter.name;
  }
}

TEST(Config, SetsAllOrNothing) {
  Config config;
  EXPECT_EQ(Set(config, {{"maxmemory", "10mb"}, {"TIMEOUT", "7"}}), "");
  EXPECT_EQ(Get(config, "maxmemory"), "10485760");
  EXPECT_EQ(Set(config, {{"maxmemory", "1"}, {"timeout", "x"}}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be "
            "parsed into an integer");
  EXPECT_EQ(
      Set(config, {{"maxmemory", "1"}, {"maxmemory", "2"}}),
      "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - duplicate parameter");
  EXPECT_EQ(Set(config, {{"maxmemory", "1"}, {"nonsense", "2"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'");
  EXPECT_EQ(
      Set(config, {{"io-threads", "3"}}),
      "ERR CONFIG SET failed (possibly related to argument 'io-threads') - can't set immutable "
      "config");
  EXPECT_EQ(
      Set(config, {{"dir", "/"}}),
      "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config");
  EXPECT_EQ(Get(config, "maxmemory"), "10485760");
  EXPECT_EQ(Get(config, "timeout"), "7");
}

TEST(Config, TakesEverythingBackWhenApplyingFails) {
  Config config;
  std::vector<std::string> applied;
  config.set_applier([&](const Parameter& parameter) {
    applied.emplace_back(parameter.name);
    return parameter.name == "timeout" && config.settings().timeout.load() == 5
               ? absl::InternalError("no")
               : absl::OkStatus();
  });
  EXPECT_EQ(Set(config, {{"maxmemory", "1"}, {"timeout", "5"}}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - no");
  EXPECT_EQ(Get(config, "maxmemory"), "0");
  EXPECT_EQ(Get(config, "timeout"), "0");
  EXPECT_EQ(applied, (std::vector<std::string>{"maxmemory", "timeout", "maxmemory", "timeout"}));
}

TEST(Config, GetsByPatternAliasAndHiddenName) {
  Config config;
  const std::vector<std::string> patterns = {"REPLICA-PRIO*", "slave-priority", "key-load-*"};
  const Pairs found = config.Get(patterns);
  EXPECT_EQ(found, (Pairs{{"replica-priority", "100"}, {"slave-priority", "100"}}));
  EXPECT_EQ(Get(config, "key-load-delay"), "0");
}

TEST(Config, KnowsTheFormsOfStructuredParameters) {
  Config config;
  EXPECT_EQ(Set(config, {{"notify-keyspace-events", "KEA"}}), "");
  EXPECT_EQ(Get(config, "notify-keyspace-events"), "AKE");
  EXPECT_EQ(Set(config, {{"client-output-buffer-limit", "replica 1mb 2 3"}}), "");
  EXPECT_EQ(Get(config, "client-output-buffer-limit"),
            "normal 0 0 0 slave 1048576 2 3 pubsub 33554432 8388608 60");
  EXPECT_EQ(Set(config, {{"save", ""}}), "");
  EXPECT_EQ(Get(config, "save"), "");
  EXPECT_EQ(
      Set(config, {{"save", "900 1 300"}}),
      "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters");
  EXPECT_EQ(Set(config, {{"maxmemory-clients", "5%"}}), "");
  EXPECT_EQ(Get(config, "maxmemory-clients"), "5%");
  EXPECT_EQ(Set(config, {{"shutdown-on-sigint", "nosave now"}}), "");
  EXPECT_EQ(Get(config, "shutdown-on-sigint"), "nosave now");
  EXPECT_EQ(Set(config, {{"loglevel", "warn"}}), "");
  EXPECT_EQ(Get(config, "loglevel"), "warning");
}

TEST_F(ConfigFileTest, ReadsRedisConfWithIncludesAndNamesWhatIsWrong) {
  const std::string inner = Write("inner.conf", "timeout 9\nsave 10 20\n");
  const std::string path =
      Write("redis.conf", "# comment\nsave 900 1\n\nmaxmemory \"1gb\"\ninclude " + inner + "\n");
  Config config;
  ASSERT_TRUE(config.LoadFile(path).ok()) << config.LoadFile(path);
  EXPECT_EQ(Get(config, "save"), "900 1 10 20");
  EXPECT_EQ(Get(config, "timeout"), "9");
  EXPECT_EQ(Get(config, "maxmemory"), "1073741824");
  ASSERT_TRUE(config.LoadFile(Write("never.conf", "save \n")).ok());
  EXPECT_EQ(Get(config, "save"), "");

  Config other;
  const absl::Status status = other.LoadFile(Write("bad.conf", "port 1\nmaxmemory lots\n"));
  EXPECT_EQ(
      Std(status.message()).substr(Std(status.message()).find("Reading")),
      "Reading " + directory_ +
          "/bad.conf, at line 2\n>>> 'maxmemory lots'\nmaxmemory: argument "
          "must be a memory value; expected a size in bytes such as 1048576, 512kb, 100mb or 2gb");
  EXPECT_FALSE(other.LoadFile(Write("self.conf", "include " + directory_ + "/self.conf\n")).ok());
  EXPECT_FALSE(other.LoadFile(Write("quote.conf", "dir \"x\n")).ok());
  EXPECT_FALSE(other.LoadFile(directory_ + "/absent.conf").ok());
}

TEST_F(ConfigFileTest, ReadsYamlBySectionAndByName) {
  const std::string path = Write("henge.yaml", R"(
memory:
  maxmemory: 100mb
server:
  bind: [127.0.0.1, "-::1"]
  protected-mode: false
cluster:
  enabled: true
  coordinator: etcd
  etcd:
    endpoints: [10.0.0.1:2379, "http://etcd:2379"]
  self: a
  nodes:
    - {id: a, host: 10.0.0.1, port: 7000, bus-port: 17000, priority: 3, zone: east}
    - {id: b, host: "10.0.0.2", port: 7001, weight: 2.5}
persistence:
  save: [[900, 1], [300, 10]]
timeout: 30
)");
  Config config;
  const absl::Status status = config.LoadFile(path);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Get(config, "maxmemory"), "104857600");
  EXPECT_EQ(Get(config, "bind"), "127.0.0.1 -::1");
  EXPECT_EQ(Get(config, "protected-mode"), "no");
  EXPECT_EQ(Get(config, "save"), "900 1 300 10");
  EXPECT_EQ(Get(config, "timeout"), "30");
  EXPECT_EQ(Get(config, "cluster-coordinator"), "etcd");
  EXPECT_EQ(Get(config, "cluster-etcd-endpoints"), "10.0.0.1:2379 etcd:2379");
  const auto nodes = ReadClusterNodes(config.settings().cluster_nodes.load());
  ASSERT_TRUE(nodes.ok());
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ((*nodes)[0].zone, "east");
  EXPECT_EQ((*nodes)[0].priority, 3);
  EXPECT_EQ((*nodes)[1].bus_port, 0);
  EXPECT_EQ((*nodes)[1].weight, 2.5);
}

TEST(Config, RefusesEndpointsThatAreNone) {
  for (const char* endpoint : {"", "host", ":2379", "host:0", "host:x", "https://:1"}) {
    const std::vector<std::string> words = {endpoint};
    EXPECT_FALSE(CanonicalText(ParameterType::kEndpoints, words, "").ok()) << endpoint;
  }
  const std::vector<std::string> mixed = {"https://a:2379", "b:2379"};
  EXPECT_FALSE(CanonicalText(ParameterType::kEndpoints, mixed, "").ok());
  const std::vector<std::string> secure = {"https://a:2379", "https://b:2379"};
  EXPECT_EQ(CanonicalText(ParameterType::kEndpoints, secure, "").value(),
            "https://a:2379 https://b:2379");
}

TEST(Yaml, RefusesWhatItDoesNotKnow) {
  const auto error = [](const char* text) {
    const auto directives = ParseYaml(text, "f.yaml");
    return directives.ok() ? "" : std::string(directives.status().message());
  };
  EXPECT_NE(error("memory:\n  maxmemoy: 1\n").find("at line 2"), std::string::npos);
  EXPECT_NE(error("memory:\n  maxmemoy: 1\n").find("memory.maxmemoy: there is no such parameter"),
            std::string::npos);
  EXPECT_NE(error("timeout: 1\ntimeout: 2\n").find("given twice"), std::string::npos);
  EXPECT_NE(error("memory: 3\n").find("must be a mapping"), std::string::npos);
  EXPECT_NE(error("cluster:\n  nodes:\n    - {id: a, hots: b}\n").find("a node has id"),
            std::string::npos);
  EXPECT_NE(error("a: [1\n").find("f.yaml"), std::string::npos);
  EXPECT_NE(error("[1, 2]").find("must be a mapping of sections"), std::string::npos);
  EXPECT_EQ(error(""), "");
}

TEST(CommandLine, ReadsFlagsAsRedisDoes) {
  const auto parse = [](std::vector<std::string> args) { return ParseCommandLine(args); };
  auto line =
      parse({"redis.conf", "--port", "7000", "--save", "900 1", "--save", "--bind", "a", "b"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->file, "redis.conf");
  ASSERT_EQ(line->directives.size(), 4u);
  EXPECT_EQ(line->directives[1].words, (std::vector<std::string>{"900", "1"}));
  EXPECT_EQ(line->directives[2].words, (std::vector<std::string>{""}));
  EXPECT_EQ(line->directives[3].words, (std::vector<std::string>{"a", "b"}));

  line = parse({"--requirepass", "--secret", "--port 7001", "-"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->directives[0].words, (std::vector<std::string>{"--secret"}));
  EXPECT_EQ(line->directives[1].name, "port");

  EXPECT_EQ(parse({"--check-config", "x.yaml"})->mode, CommandLine::Mode::kCheckConfig);
  EXPECT_EQ(parse({"x.yaml", "--check-config"})->file, "x.yaml");
  EXPECT_TRUE(parse({"-"})->from_stdin);
  EXPECT_FALSE(parse({"a.conf", "stray"}).ok());
}

TEST_F(ConfigFileTest, RewritesRedisConfInPlace) {
  const std::string path =
      Write("r.conf",
            "# mine\nmaxmemory 1gb # not a comment in Redis, but kept out of the value\n"
            "timeout 3\ntimeout 4\n");
  Config config;
  ASSERT_FALSE(config.LoadFile(path).ok());  // Redis has no comments behind values.
  Write("r.conf", "# mine\nmaxmemory 1gb\ntimeout 3\ntimeout 4\n");
  Config mended;
  ASSERT_TRUE(mended.LoadFile(path).ok());
  EXPECT_EQ(Set(mended, {{"maxmemory", "3mb"}, {"requirepass", "a \"b\""}, {"maxclients", "99"}}),
            "");
  EXPECT_EQ(mended.Rewrite(), "");
  EXPECT_EQ(Read("r.conf"),
            "# mine\nmaxmemory 3mb\ntimeout 4\n# Generated by CONFIG REWRITE\nmaxclients "
            "99\nrequirepass \"a \\\"b\\\"\"\n");
  EXPECT_EQ(mended.Rewrite(), "");  // Once more changes nothing.
  Config again;
  ASSERT_TRUE(again.LoadFile(path).ok());
  EXPECT_EQ(Get(again, "requirepass"), "a \"b\"");
}

TEST_F(ConfigFileTest, RewritesWhomItFollows) {
  const std::string path = Write("f.conf", "timeout 3\n");
  Config config;
  ASSERT_TRUE(config.LoadFile(path).ok());
  config.NoteLeader("10.0.0.1 6379");
  EXPECT_EQ(Get(config, "replicaof"), "10.0.0.1 6379");
  EXPECT_EQ(config.Rewrite(), "");
  EXPECT_EQ(Read("f.conf"), "timeout 3\n# Generated by CONFIG REWRITE\nreplicaof 10.0.0.1 6379\n");
  config.NoteLeader("");
  EXPECT_EQ(config.Rewrite(), "");
  EXPECT_EQ(Read("f.conf"), "timeout 3\n# Generated by CONFIG REWRITE\n");

  const std::string yaml =
      Write("f.yml", "replication:\n  role: follower\n  leader: 10.0.0.1 6379\n");
  Config promoted;
  ASSERT_TRUE(promoted.LoadFile(yaml).ok());
  promoted.NoteLeader("");
  EXPECT_EQ(promoted.Rewrite(), "");
  Config again;
  const absl::Status status = again.LoadFile(yaml);
  ASSERT_TRUE(status.ok()) << status << Read("f.yml");
  EXPECT_EQ(Get(again, "replicaof"), "");
  EXPECT_EQ(Get(again, "replication-role"), "leader");
}

TEST_F(ConfigFileTest, RewritesYamlInPlace) {
  const std::string path =
      Write("h.yml", "# mine\nmemory:\n  maxmemory: 1gb  # the limit\nserver:\n  port: 0\n");
  Config config;
  ASSERT_TRUE(config.LoadFile(path).ok());
  EXPECT_EQ(Set(config, {{"maxmemory", "2gb"}, {"timeout", "5"}, {"requirepass", "x\"y"}}), "");
  EXPECT_EQ(config.Rewrite(), "");
  EXPECT_EQ(
      Read("h.yml"),
      "# mine\nmemory:\n  maxmemory: 2gb  # the limit\nserver:\n  port: 0\n# Generated by CONFIG "
      "REWRITE\ntimeout: 5\nrequirepass: \"x\\\"y\"\n");
  Config again;
  ASSERT_TRUE(again.LoadFile(path).ok());
  EXPECT_EQ(Get(again, "requirepass"), "x\"y");
}

TEST(Config, RewriteNeedsAFile) {
  Config config;
  EXPECT_EQ(config.Rewrite(), "ERR The server is running without a config file");
}

}  // namespace
}  // namespace henge::server
