// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/function_engine.h"

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "commands/scripting/key_proof.h"
#include "commands/scripting/read_only.h"
#include "commands/scripting/redis_api.h"
#include "commands/scripting/reply_values.h"
#include "commands/scripting/sandbox.h"
#include "commands/scripting/script_cache.h"
#include "proto/resp_parser.h"

namespace henge::commands::scripting {
namespace {

constexpr int64_t kLoadLimitUs = 500'000;
constexpr const char* kLoadGlobals = "henge.load_globals";  // In the registry.
constexpr std::string_view kBadName =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least "
    "one character long";

absl::Status Wrong(std::string_view text) { return absl::InvalidArgumentError(Absl(text)); }

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    const char lower = AsciiLower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// The library's name, in its first line: "#!lua name=mylib".
struct Metadata {
  std::string name;
  size_t bytes;  // Of the line, without its end.
};
absl::StatusOr<Metadata> ReadMetadata(std::string_view code) {
  constexpr std::string_view kName = "name=";
  if (!code.starts_with("#!")) return Wrong("ERR Missing library metadata");
  const size_t end = code.find('\n');
  std::vector<std::string> words;
  if (end == std::string_view::npos || !proto::SplitQuoted(code.substr(0, end), words) ||
      words.empty()) {
    return Wrong("ERR Invalid library metadata");
  }
  std::optional<std::string> name;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!EqualsIgnoreCase(word.substr(0, kName.size()), kName)) {
      return Wrong(fmt::format("ERR Invalid metadata value given: {}", word));
    }
    if (name) {
      return Wrong("ERR Invalid metadata value, name argument was given multiple times");
    }
    name = word.substr(kName.size());
  }
  if (!name) return Wrong("ERR Library name was not given");
  if (!IsName(*name)) return Wrong(kBadName);
  const std::string_view engine = std::string_view(words[0]).substr(2);
  if (!EqualsIgnoreCase(engine, "lua")) {
    return Wrong(fmt::format("ERR Engine '{}' not found", engine));
  }
  return Metadata{*std::move(name), end};
}

int RegisterFunction(lua_State* lua) {
  return static_cast<FunctionEngine&>(Interpreter::Of(lua)).Register(lua);
}

// Raises an error's text, which may name register_function.
int Raise(lua_State* lua, std::string_view text) {
  constexpr std::string_view kName = "redis.register_function";
  std::string error(text);
  const size_t at = error.find(kName);
  if (at != std::string::npos && CalledByServer(lua)) {
    error.replace(at, kName.size(), "server.register_function");
  }
  PushError(lua, error);
  return lua_error(lua);
}

// What the globals look like to a library that is being loaded: `redis` with little in it.
void KeepLoadGlobals(lua_State* lua) {
  lua_newtable(lua);  // globals
  for (const bool server : {false, true}) {
    lua_newtable(lua);
    AddFunction(lua, "register_function", RegisterFunction, server);
    AddLogAndVersion(lua, server);
    RefuseUnknownNames(lua);
    AddReadOnlyGlobal(lua, server ? "server" : "redis");
  }
  RefuseUnknownNames(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, kLoadGlobals);
}

std::string Text(lua_State* lua, int index) {
  size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return {text, size};
}

// The flags in the list on top of the stack.
uint32_t ReadFlags(lua_State* lua) {
  uint32_t flags = 0;
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, -1, i);
    const bool end = lua_isnil(lua, -1);
    const uint32_t flag = lua_isstring(lua, -1) != 0 ? ScriptFlagNamed(ToLower(Text(lua, -1))) : 0;
    lua_pop(lua, 1);
    if (end) return flags;
    if (flag == 0) Raise(lua, "ERR unknown flag given");
    flags |= flag;
  }
}

}  // namespace

void FunctionEngine::Renew() {
  foreseen_ = nullptr;
  loaded_.clear();
  callables_.clear();
  Interpreter::Renew([](lua_State* lua) {
    AddRedisApi(lua);
    KeepLoadGlobals(lua);
  });
}

// --- Loading ---

absl::StatusOr<std::vector<FunctionEngine::Registered>> FunctionEngine::Load(std::string_view code,
                                                                             bool limited) {
  std::vector<Registered> registered;
  std::string error;
  loading_ = &registered;
  set_load_deadline(limited ? SystemClock().MonotonicMicros() + kLoadLimitUs : INT64_MAX);
  const bool done = vm().Protected([&](lua_State* lua) {
    lua_getfield(lua, LUA_REGISTRYINDEX, kLoadGlobals);
    SetVisible(lua);
    const absl::Cleanup restore = [lua] {
      PushGlobals(lua);
      SetVisible(lua);
    };
    if (LoadText(lua, code.data(), code.size(), "@user_function") != 0) {
      error = fmt::format("ERR Error compiling function: {}", luaL_optstring(lua, -1, ""));
    } else if (lua_pcall(lua, 0, 0, 0) != 0) {
      const std::string text = lua_istable(lua, -1)
                                   ? std::string(ReadError(lua, -1).text)
                                   : "ERR " + std::string(luaL_optstring(lua, -1, ""));
      error = fmt::format("ERR Error registering functions: {}", text);
    }
  });
  set_load_deadline(0);
  loading_ = nullptr;
  if (!done) {
    lua_settop(vm().lua(), 0);
    error = "ERR Error registering functions: not enough memory";
  }
  if (error.empty()) return registered;
  for (const Registered& function : registered) {
    luaL_unref(vm().lua(), LUA_REGISTRYINDEX, function.reference);
  }
  return Wrong(error);
}

absl::StatusOr<LibraryRef> FunctionEngine::Examine(ScriptHost& host, std::string_view code,
                                                   bool limited) {
  auto metadata = ReadMetadata(code);
  if (!metadata.ok()) return metadata.status();
  FunctionEngine engine(host);
  engine.Renew();
  auto registered = engine.Load(code.substr(metadata->bytes), limited);
  if (!registered.ok()) return registered.status();
  if (registered->empty()) return Wrong("ERR No functions registered");
  Library library{std::move(metadata->name), std::string(code), {}};
  for (Registered& one : *registered) library.functions.push_back(std::move(one.function));
  return std::make_shared<const Library>(std::move(library));
}

bool FunctionEngine::Foresee(std::string_view name) {
  foreseen_ = nullptr;
  if (fresh() || host().libraries().version() != version_) return false;
  const auto known = callables_.find(ToLower(name));
  if (known == callables_.end() || !known->second.proven) return false;
  foreseen_ = &known->second;
  return true;
}

const FunctionEngine::Callable* FunctionEngine::Find(std::string_view name,
                                                     proto::ReplyWriter& reply) {
  if (foreseen_ != nullptr) return std::exchange(foreseen_, nullptr);
  const uint64_t version = host().libraries().version();
  if (fresh()) Renew();
  const std::string lower = ToLower(name);
  const auto known = callables_.find(lower);
  if (version == version_ && known != callables_.end()) return &known->second;
  const LibraryRegistry::Found found = host().libraries().FindFunction(name);
  if (found.function == nullptr) {
    reply.Error("ERR Function not found");
    return nullptr;
  }
  if (version != version_) {
    // What is not the node's any more is forgotten.
    absl::erase_if(callables_, [&](const auto& entry) {
      const Callable& callable = entry.second;
      const auto now = host().libraries().FindFunction(entry.first);
      const bool gone = now.library != callable.library;
      if (gone) {
        luaL_unref(vm().lua(), LUA_REGISTRYINDEX, callable.reference);
        loaded_.erase(callable.library->name);
      }
      return gone;
    });
    version_ = version;
  }
  const Library& library = *found.library;
  if (loaded_[library.name] != found.library) {
    const size_t first_line = library.code.find('\n');
    auto registered = Load(std::string_view(library.code).substr(first_line), false);
    if (!registered.ok()) {
      loaded_.erase(library.name);
      reply.Error(Std(registered.status().message()));
      return nullptr;
    }
    loaded_[library.name] = found.library;
    for (const Registered& one : *registered) {
      const auto same = std::find_if(
          library.functions.begin(), library.functions.end(),
          [&](const Function& function) { return function.name == one.function.name; });
      if (same == library.functions.end()) continue;
      callables_[ToLower(one.function.name)] = {found.library, &*same, one.reference,
                                                IsProven(one.reference)};
    }
  }
  const auto ready = callables_.find(lower);
  if (ready != callables_.end()) return &ready->second;
  reply.Error("ERR Function not found");  // It registers other functions from time to time.
  return nullptr;
}

bool FunctionEngine::IsProven(int reference) {
  bool proven = false;
  vm().Protected([&](lua_State* lua) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, reference);
    proven = TouchesOnlyItsKeys(lua, true);
  });
  lua_settop(vm().lua(), 0);
  return proven;
}

// --- redis.register_function ---

FunctionEngine::Registered FunctionEngine::ReadPositional(lua_State* lua) {
  if (lua_isstring(lua, 1) == 0) {
    Raise(lua, "ERR first argument to redis.register_function must be a string");
  }
  if (!lua_isfunction(lua, 2)) {
    Raise(lua, "ERR second argument to redis.register_function must be a function");
  }
  std::string name = Text(lua, 1);
  return {{std::move(name), std::nullopt, 0}, luaL_ref(lua, LUA_REGISTRYINDEX)};
}

FunctionEngine::Registered FunctionEngine::ReadNamed(lua_State* lua) {
  if (!lua_istable(lua, 1)) {
    Raise(lua,
          "ERR calling redis.register_function with a single argument is only applicable to Lua "
          "table (representing named arguments).");
  }
  Registered registered{{}, LUA_NOREF};
  bool named = false;
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    if (lua_type(lua, -2) != LUA_TSTRING && lua_type(lua, -2) != LUA_TNUMBER) {
      Raise(lua, "ERR named argument key given to redis.register_function is not a string");
    }
    lua_pushvalue(lua, -2);  // Its conversion to text would confuse lua_next.
    const std::string key = Text(lua, -1);
    lua_pop(lua, 1);
    const bool is_text = lua_isstring(lua, -1) != 0;
    if (EqualsIgnoreCase(key, "function_name")) {
      if (!is_text) {
        Raise(lua, "ERR function_name argument given to redis.register_function must be a string");
      }
      registered.function.name = Text(lua, -1);
      named = true;
    } else if (EqualsIgnoreCase(key, "description")) {
      if (!is_text) {
        Raise(lua, "ERR description argument given to redis.register_function must be a string");
      }
      registered.function.description = Text(lua, -1);
    } else if (EqualsIgnoreCase(key, "callback")) {
      if (!lua_isfunction(lua, -1)) {
        Raise(lua, "ERR callback argument given to redis.register_function must be a function");
      }
      registered.reference = luaL_ref(lua, LUA_REGISTRYINDEX);
      continue;  // Which took it from the stack.
    } else if (EqualsIgnoreCase(key, "flags")) {
      if (!lua_istable(lua, -1)) {
        Raise(lua,
              "ERR flags argument to redis.register_function must be a table representing function "
              "flags");
      }
      registered.function.flags = ReadFlags(lua);
    } else {
      Raise(lua, "ERR unknown argument given to redis.register_function");
    }
    lua_pop(lua, 1);
  }
  if (!named) Raise(lua, "ERR redis.register_function must get a function name argument");
  if (registered.reference == LUA_NOREF) {
    Raise(lua, "ERR redis.register_function must get a callback argument");
  }
  return registered;
}

int FunctionEngine::Register(lua_State* lua) {
  if (loading_ == nullptr) {
    return Raise(lua, "ERR redis.register_function can only be called on FUNCTION LOAD command");
  }
  const int count = lua_gettop(lua);
  if (count < 1 || count > 2) {
    return Raise(lua, "ERR wrong number of arguments to redis.register_function");
  }
  Registered registered = count == 1 ? ReadNamed(lua) : ReadPositional(lua);
  if (!IsName(registered.function.name)) return Raise(lua, kBadName);
  for (const Registered& other : *loading_) {
    if (other.function.name == registered.function.name) {
      return Raise(lua, "ERR Function already exists in the library");
    }
  }
  loading_->push_back(std::move(registered));
  return 0;
}

}  // namespace henge::commands::scripting
