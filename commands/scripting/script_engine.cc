// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/script_engine.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/sha1.h"
#include "commands/scripting/key_proof.h"
#include "commands/scripting/redis_api.h"
#include "commands/scripting/sandbox.h"

namespace henge::commands::scripting {
namespace {

constexpr std::string_view kNoScript = "NOSCRIPT No matching script. Please use EVAL.";
constexpr size_t kDigestSize = 40;

}  // namespace

void ScriptEngine::FollowCache() {
  const uint64_t epoch = host().cache().epoch();
  if (!fresh() && epoch == epoch_) return;
  epoch_ = epoch;
  foreseen_ = nullptr;
  by_source_.clear();
  by_digest_.clear();
  Renew([](lua_State* lua) {
    AddRedisApi(lua);
    lua_pushcfunction(lua, HandleError);
    lua_setfield(lua, -2, "__redis__err__handler");
  });
}

void ScriptEngine::DropIfFlushed() {
  if (fresh() || running() != nullptr || host().cache().epoch() == epoch_) return;
  foreseen_ = nullptr;
  by_source_.clear();
  by_digest_.clear();
  Drop();
}

bool ScriptEngine::Foresee(std::string_view source_or_digest, bool is_digest) {
  foreseen_ = nullptr;
  if (fresh() || host().cache().epoch() != epoch_) return false;
  Compiled* compiled = nullptr;
  if (is_digest) {
    compiled = Find(source_or_digest);
  } else if (const auto found = by_source_.find(source_or_digest); found != by_source_.end()) {
    compiled = found->second;
  }
  if (compiled == nullptr) return false;
  if (compiled->proof == Compiled::Proof::kNew) {
    bool proven = false;
    vm().Protected([&](lua_State* lua) {
      lua_rawgeti(lua, LUA_REGISTRYINDEX, compiled->function);
      proven = TouchesOnlyItsKeys(lua, false);
    });
    lua_settop(vm().lua(), 0);
    compiled->proof = proven ? Compiled::Proof::kProven : Compiled::Proof::kNone;
  }
  if (compiled->proof != Compiled::Proof::kProven) return false;
  foreseen_ = compiled;
  return true;
}

ScriptEngine::Compiled* ScriptEngine::Find(std::string_view sha) const {
  const auto found = by_digest_.find(sha);
  return found == by_digest_.end() ? nullptr : found->second.get();
}

const ScriptEngine::Compiled* ScriptEngine::OfSource(std::string_view source,
                                                     proto::ReplyWriter& reply) {
  if (foreseen_ != nullptr) return std::exchange(foreseen_, nullptr);
  FollowCache();
  if (const auto found = by_source_.find(source); found != by_source_.end()) return found->second;
  std::string sha = Sha1Hex(source);
  ScriptCache::ScriptRef script = host().cache().Find(sha);
  if (script == nullptr) {
    const auto shebang = ReadShebang(source);
    if (!shebang.ok()) {
      reply.Error(Std(shebang.status().message()));
      return nullptr;
    }
    script = std::make_shared<const Script>(
        Script{std::string(source), std::move(sha), shebang->flags, shebang->bytes});
  }
  return Compile(std::move(script), reply);
}

const ScriptEngine::Compiled* ScriptEngine::OfDigest(std::string_view sha,
                                                     proto::ReplyWriter& reply) {
  if (foreseen_ != nullptr) return std::exchange(foreseen_, nullptr);
  FollowCache();
  if (sha.size() != kDigestSize) {
    reply.Error(kNoScript);
    return nullptr;
  }
  const std::string lower = ToLower(sha);
  if (const Compiled* compiled = Find(lower)) return compiled;
  if (auto script = host().cache().Find(lower)) return Compile(std::move(script), reply);
  reply.Error(kNoScript);
  return nullptr;
}

ScriptEngine::Compiled* ScriptEngine::Compile(ScriptCache::ScriptRef script,
                                              proto::ReplyWriter& reply) {
  int function = 0;
  std::string error;
  const auto code = std::string_view(script->source).substr(script->shebang);
  const bool done = vm().Protected([&](lua_State* lua) {
    if (LoadText(lua, code.data(), code.size(), "@user_script") == 0) {
      function = luaL_ref(lua, LUA_REGISTRYINDEX);
    } else {
      error = luaL_optstring(lua, -1, "");
    }
  });
  if (!done) {
    error = "not enough memory";
    lua_settop(vm().lua(), 0);
  }
  if (!error.empty()) {
    reply.Error(fmt::format("ERR Error compiling script (new function): {}", error));
    return nullptr;
  }
  script = host().cache().Add(std::move(script));
  auto& compiled = by_digest_[script->sha];
  compiled = std::make_unique<Compiled>(Compiled{script, function});
  by_source_[script->source] = compiled.get();
  return compiled.get();
}

}  // namespace henge::commands::scripting
