// SPDX-License-Identifier: Apache-2.0
#include "commands/connection/tracking.h"

#include <optional>
#include <string_view>
#include <vector>

#include "commands/context.h"

namespace henge::commands {
namespace {

constexpr std::string_view kOtherBcast =
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
    "re-enabling it with a different mode.";
constexpr std::string_view kOtherOpt =
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
    "re-enabling it with a different mode.";

struct Options {
  uint32_t flags = 0;
  ClientId redirect = 0;
  std::vector<std::string> prefixes;
  bool has(uint32_t flag) const { return (flags & flag) != 0; }
};

bool Exists(CommandContext& ctx, ClientId id) {
  bool found = false;
  ctx.services.clients().ForEach(
      [&](const ClientState& client) { found = found || client.id == id; });
  return found;
}

void ReadRedirect(CommandContext& ctx, ArgReader& args, Options& options) {
  if (options.redirect != 0) {
    return args.Fail("ERR A client can only redirect to a single other client");
  }
  const int64_t id = args.Integer();
  if (!args.ok()) return;
  options.redirect = static_cast<ClientId>(id);
  if (!Exists(ctx, options.redirect)) {
    args.Fail("ERR The client ID you want redirect to does not exist");
  }
}

Options ReadOptions(CommandContext& ctx, ArgReader& args) {
  Options options;
  while (args.ok() && !args.empty()) {
    if (args.left() >= 2 && args.Accept("REDIRECT")) {
      ReadRedirect(ctx, args, options);
    } else if (args.left() >= 2 && args.Accept("PREFIX")) {
      options.prefixes.emplace_back(args.Next());
    } else if (args.Accept("BCAST")) {
      options.flags |= kTrackBroadcast;
    } else if (args.Accept("OPTIN")) {
      options.flags |= kTrackOptIn;
    } else if (args.Accept("OPTOUT")) {
      options.flags |= kTrackOptOut;
    } else if (args.Accept("NOLOOP")) {
      options.flags |= kTrackNoLoop;
    } else {
      args.FailSyntax();
    }
  }
  return options;
}

// Why the options do not go together, or with how the client tracks now; or empty.
std::string_view Incompatible(uint32_t now, const Options& options) {
  const bool broadcast = options.has(kTrackBroadcast);
  if (!broadcast && !options.prefixes.empty()) {
    return "ERR PREFIX option requires BCAST mode to be enabled";
  }
  if ((now & kTracks) != 0 && ((now & kTrackBroadcast) != 0) != broadcast) return kOtherBcast;
  if (broadcast && options.has(kTrackOptIn | kTrackOptOut)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (options.has(kTrackOptIn) && options.has(kTrackOptOut)) {
    return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  }
  if ((options.has(kTrackOptIn) && (now & kTrackOptOut) != 0) ||
      (options.has(kTrackOptOut) && (now & kTrackOptIn) != 0)) {
    return kOtherOpt;
  }
  return {};
}

bool Overlap(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

// The error's text, or empty.
std::string Collision(const ClientState& client, const std::vector<std::string>& prefixes) {
  for (size_t i = 0; i < prefixes.size(); ++i) {
    const auto collides = [&](const std::string& other, std::string_view which) {
      return "ERR Prefix '" + prefixes[i] + "' overlaps with " + std::string(which) + " prefix '" +
             other + "'. Prefixes for a single client must not overlap.";
    };
    for (const std::string& old : client.tracking_prefixes) {
      if (Overlap(old, prefixes[i])) return collides(old, "an existing");
    }
    for (size_t j = i + 1; j < prefixes.size(); ++j) {
      if (Overlap(prefixes[i], prefixes[j])) return collides(prefixes[j], "another provided");
    }
  }
  return {};
}

uint32_t FlagsOf(const ClientState& client) {
  return client.tracking.load(std::memory_order_relaxed);
}

}  // namespace

int64_t RedirectionOf(const ClientState& client) {
  if ((FlagsOf(client) & kTracks) == 0) return -1;
  return static_cast<int64_t>(client.tracking_redirect.load(std::memory_order_relaxed));
}

void ClientTracking(CommandContext& ctx, ArgReader& args) {
  const bool on = args.Accept("ON");
  const bool known = on || args.Accept("OFF");
  if (!known) (void)args.Next();
  Options options = ReadOptions(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (!known) return ctx.reply.Error(errors::kSyntax);
  if (!on) {
    ctx.services.tracking().TurnOff(ctx.client);
    return ctx.reply.Ok();
  }
  const std::string_view refusal = Incompatible(FlagsOf(ctx.client), options);
  if (!refusal.empty()) return ctx.reply.Error(refusal);
  if (options.has(kTrackBroadcast)) {
    const std::string collision = Collision(ctx.client, options.prefixes);
    if (!collision.empty()) return ctx.reply.Error(collision);
    if (options.prefixes.empty()) options.prefixes.emplace_back();
  }
  ctx.services.tracking().TurnOn(ctx.client, options.flags, options.redirect, options.prefixes);
  ctx.reply.Ok();
}

void ClientCaching(CommandContext& ctx, ArgReader& args) {
  const uint32_t flags = FlagsOf(ctx.client);
  if ((flags & kTracks) == 0) {
    return ctx.reply.Error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled");
  }
  if (args.Accept("YES")) {
    if ((flags & kTrackOptIn) == 0) {
      return ctx.reply.Error(
          "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (args.Accept("NO")) {
    if ((flags & kTrackOptOut) == 0) {
      return ctx.reply.Error(
          "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return ctx.reply.Error(errors::kSyntax);
  }
  ctx.client.tracking.store(flags | kTrackCaching, std::memory_order_relaxed);
  ctx.reply.Ok();
}

void ClientGetRedir(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(RedirectionOf(ctx.client));
}

void ClientTrackingInfo(CommandContext& ctx, ArgReader&) {
  const uint32_t flags = FlagsOf(ctx.client);
  const bool caching = (flags & kTrackCaching) != 0;
  std::vector<std::string_view> words = {(flags & kTracks) != 0 ? "on" : "off"};
  if ((flags & kTrackBroadcast) != 0) words.push_back("bcast");
  if ((flags & kTrackOptIn) != 0) {
    words.push_back("optin");
    if (caching) words.push_back("caching-yes");
  }
  if ((flags & kTrackOptOut) != 0) {
    words.push_back("optout");
    if (caching) words.push_back("caching-no");
  }
  if ((flags & kTrackNoLoop) != 0) words.push_back("noloop");
  if ((flags & kTrackBroken) != 0) words.push_back("broken_redirect");
  ctx.reply.Map(3);
  ctx.reply.Bulk("flags");
  ctx.reply.Set(words.size());
  for (const std::string_view word : words) ctx.reply.Bulk(word);
  ctx.reply.Bulk("redirect");
  ctx.reply.Integer(RedirectionOf(ctx.client));
  ctx.reply.Bulk("prefixes");
  ctx.reply.Array(ctx.client.tracking_prefixes.size());
  for (const std::string& prefix : ctx.client.tracking_prefixes) ctx.reply.Bulk(prefix);
}

}  // namespace henge::commands
