// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/key_proof.h"

#include <gtest/gtest.h>

#include <lua.hpp>
#include <string>
#include <string_view>

namespace henge::commands::scripting {
namespace {

class KeyProofTest : public testing::Test {
 protected:
  KeyProofTest() : lua_(luaL_newstate()) {}
  ~KeyProofTest() override { lua_close(lua_); }

  bool Proven(std::string_view source) {
    EXPECT_EQ(luaL_loadbuffer(lua_, source.data(), source.size(), "@user_script"), 0) << source;
    const bool proven = TouchesOnlyItsKeys(lua_, false);
    lua_settop(lua_, 0);
    return proven;
  }
  // As a library's function, which `source` returns.
  bool FunctionProven(std::string_view source) {
    EXPECT_EQ(luaL_loadbuffer(lua_, source.data(), source.size(), "@user_function"), 0) << source;
    EXPECT_EQ(lua_pcall(lua_, 0, 1, 0), 0) << source;
    const bool proven = TouchesOnlyItsKeys(lua_, true);
    lua_settop(lua_, 0);
    return proven;
  }

  lua_State* lua_;
};

TEST_F(KeyProofTest, WhatProgramsDo) {
  for (const char* source : {
           "return 1",
           "return redis.call('get', KEYS[1])",
           "return redis.call('GET', KEYS[1])",
           "return redis.pcall('set', KEYS[1], ARGV[1], 'EX', 10)",
           "return server.call('get', KEYS[1])",
           "return {redis.call('get', KEYS[1]), redis.call('get', KEYS[2])}",
           "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else "
           "return 0 end",
           "local key = KEYS[1] local now = tonumber(ARGV[1]) local n = redis.call('incr', key) if "
           "n == 1 then redis.call('expire', key, now) end return n",
           "for i = 1, #KEYS do redis.call('del', KEYS[i]) end",
           "for _, key in ipairs(KEYS) do redis.call('del', key) end return #KEYS",
           "return redis.call('del', unpack(KEYS))",
           "return redis.call('sadd', KEYS[1], unpack(ARGV))",
           "return redis.call('mset', KEYS[1], 'a', KEYS[2], 'b')",
           "return redis.call('zunionstore', KEYS[1], 2, KEYS[2], KEYS[3])",
           "return redis.call('rename', KEYS[1], KEYS[2])",
           "local call = redis.call return call('get', KEYS[1])",
           "local r = redis return r.call('get', KEYS[1])",
           "local ok, err = pcall(redis.call, 'get', KEYS[1]) return ok",
           "local key = ARGV[1] == 'x' and KEYS[1] or KEYS[2] return redis.call('get', key)",
           "local t = {} for i, v in ipairs(ARGV) do t[#t + 1] = v end return redis.call('rpush', "
           "KEYS[1], unpack(t))",
           "local function double(x) return tonumber(x) * 2 end return redis.call('set', KEYS[1], "
           "double(ARGV[1]))",
           "local time = redis.call('time') return time[1]",
           "return cjson.encode({redis.call('hgetall', KEYS[1])})",
           "local s = ARGV[1] return s:sub(1, 2) .. redis.sha1hex(s)",
           "redis.log(redis.LOG_WARNING, 'text') return redis.status_reply('OK')",
           "while true do if redis.call('llen', KEYS[1]) == 0 then break end "
           "redis.call('lpop', KEYS[1]) end",
       }) {
    EXPECT_TRUE(Proven(source)) << source;
  }
}

TEST_F(KeyProofTest, WhatMayTouchAnyKey) {
  for (const char* source : {
           "return redis.call('get', 'other')",
           "return redis.call('get', ARGV[1])",
           "return redis.call('get', KEYS[1] .. ':x')",
           "return redis.call(ARGV[1], KEYS[1])",
           "return redis[ARGV[1]]('get', 'x')",
           "return redis.call(unpack(ARGV))",
           "return redis.call('mget', KEYS[1], unpack(ARGV))",
           "return redis.call('mset', unpack(KEYS))",
           "return redis.call('zunionstore', KEYS[1], ARGV[1], KEYS[2])",
           "return redis.call('zunionstore', KEYS[1], 2, KEYS[2], ARGV[1])",
           "return redis.call('sort', KEYS[1], 'by', 'x_*')",
           "return redis.call('sort_ro', KEYS[1], 'get', ARGV[1])",
           "return redis.call('georadius', KEYS[1], 0, 0, 1, 'm', ARGV[1], ARGV[2])",
           "return redis.call('xread', 'streams', KEYS[1], '0')",
           "return redis.call('flushall')",
           "return redis.call('dbsize')",
           "return redis.call('keys', '*')",
           "return redis.call('randomkey')",
           "KEYS[1] = 'x' return redis.call('get', KEYS[1])",
           "local k = KEYS k[1] = 'x' return redis.call('get', KEYS[1])",
           "table.insert(KEYS, 1, 'x') return redis.call('get', KEYS[1])",
           "table.sort(KEYS) return redis.call('get', KEYS[1])",
           "local t = {redis.call} return t[1]('get', 'x')",
           "local t = {k = KEYS} t.k[1] = 'x' return redis.call('get', KEYS[1])",
           "local function f(call) return call('get', 'x') end return f(redis.call)",
           "local call = redis.call local function f() return call('get', 'x') end return f()",
           "local call local function f() return call('get', 'x') end call = redis.call return f()",
           "local key = KEYS[1] local function f() key = 'x' end f() return redis.call('get', key)",
           "local key = KEYS[1] if ARGV[1] then key = 'x' end return redis.call('get', key)",
           "local key = KEYS[1] for i = 1, 2 do redis.call('get', key) key = ARGV[1] end",
           "local f = tonumber if ARGV[1] then f = redis.call end return f('get', 'x')",
           "local function f() return redis.call end return f()('get', 'x')",
           "local function f() return redis end return f().call('get', 'x')",
           "local function f() return KEYS end f()[1] = 'x' return redis.call('get', KEYS[1])",
           "local f, keys = ipairs(KEYS) keys[1] = 'x' return redis.call('get', KEYS[1])",
           "return pcall(redis.call, 'get', 'x')",
           "return select(1, redis.call)('get', 'x')",
           "return loadstring(\"return redis.call('get', 'x')\")()",
           "return _G.redis.call('get', 'x')",
           "return _G['redis']",
           "return getfenv().redis.call('get', 'x')",
           "return coroutine.wrap(function() return redis.call('get', 'x') end)()",
           "setmetatable({}, {}) return 1",
           "return rawget(redis, 'call')('get', 'x')",
           "return redis:call('x')",
           "redis = 1",
           "for name, f in pairs(redis) do f('get', 'x') end",
           "local t = {} t.call = redis.call return t.call('get', 'x')",
           "local t = {} t[redis.call] = 1 for f in pairs(t) do f('get', 'x') end",
           "return (ARGV[1] and redis or redis).call('get', ARGV[1])",
       }) {
    EXPECT_FALSE(Proven(source)) << source;
  }
}

TEST_F(KeyProofTest, FunctionsTakeKeysAsAnArgument) {
  EXPECT_TRUE(FunctionProven("return function(keys, args) return redis.call('get', keys[1]) end"));
  EXPECT_TRUE(
      FunctionProven("return function(keys) for _, k in ipairs(keys) do "
                     "redis.call('del', k) end end"));
  for (const char* source : {
           "return function(keys, args) return redis.call('get', args[1]) end",
           "return function(keys, args) return redis.call('get', KEYS[1]) end",
           "return function(keys, args) keys[1] = 'x' return redis.call('get', keys[1]) end",
           "return function(keys, args) local function f() keys[1] = 'x' end f() return "
           "redis.call('get', keys[1]) end",
           // What it shares with its library may be anything.
           "local call = tonumber return function(keys) return call('get', 'x') end",
           "local call = tonumber return function(keys) local function f() return call('x') end "
           "return f() end",
       }) {
    EXPECT_FALSE(FunctionProven(source)) << source;
  }
}

TEST_F(KeyProofTest, LargeTextsAreNotLookedAt) {
  std::string source = "local x = 0 ";
  for (int i = 0; i < 20'000; ++i) source += "x = x + 1 ";
  EXPECT_FALSE(Proven(source));
}

}  // namespace
}  // namespace henge::commands::scripting
