// SPDX-FileCopyrightText: the xbucket authors
// `xbucket credentials`: what the search for a key comes to, without its secret.
#include "../key_finder.h"
#include "arguments.h"
#include "forest.h"
#include "json_text.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

std::string remaining(const Credentials& key, const Clock& clock) {
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(*key.expiration - clock.wall_now());
    if (left.count() < 0) return "has ended";
    if (left < std::chrono::minutes(2)) return fmt::format("{} s left", left.count());
    if (left < std::chrono::hours(2)) return fmt::format("{} min left", left.count() / 60);
    return fmt::format("{} h left", left.count() / 3600);
}

std::string_view kind_of(const Credentials& key) {
    if (key.anonymous()) return "anonymous";
    return key.session_token.empty() && !key.expiration ? "lasting" : "temporary";
}

void print_text(const Credentials& key, const KeyFinder& finder, const Clock& clock) {
    const auto line = [](std::string_view name, std::string_view value) {
        print_out(fmt::format("{:<8} {}\n", name, printable(value)));
    };
    line("source", key.source);
    line("kind", kind_of(key));
    if (!key.anonymous()) line("key", key.access_key_id);
    if (!key.identity.empty()) line("for", key.identity);
    if (key.expiration) {
        line("until",
             fmt::format("{} ({})", format_iso8601(*key.expiration), remaining(key, clock)));
    } else if (!key.anonymous()) {
        line("until", key.session_token.empty() ? "it is changed" : "the service refuses it");
    }
    for (const std::string& place : finder.asked()) line("asked", place);
}

void print_json(const Credentials& key, const KeyFinder& finder) {
    Json object{{"source", key.source}, {"kind", kind_of(key)}, {"key", key.access_key_id}};
    object["for"] = key.identity;
    object["until"] = key.expiration ? Json(format_iso8601(*key.expiration)) : Json();
    object["asked"] = finder.asked();
    print_out(json_line(object));
}

}  // namespace

ExitCode credentials_command(const std::vector<std::string>& words,
                             const Environment& environment) {
    Arguments arguments("credentials", Arguments::Takes::service);
    bool json = false;
    arguments.parser().flag("--json", json);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().size() != 1) {
        return arguments.usage("write: xbucket credentials SOURCE");
    }
    std::string source = arguments.words().front();
    // No bucket is asked, so any name will do.
    if (source == "oss://" || source == "s3://") source += "any-bucket";
    auto config = config_of_source(source, arguments.given_settings(), environment);
    if (!config) return arguments.complain(ExitCode::usage, config.error().message);
    if (config->source.local) {
        return arguments.complain(ExitCode::usage,
                                  "a local: source needs no key; write: oss:// or s3://");
    }
    prepare_process(*config);
    SystemClock clock;
    auto finder = KeyFinder::find(*config, environment, clock);
    if (!finder) return arguments.complain(exit_code_of(finder.error()), finder.error().message);
    const auto key = (*finder)->provider().get();
    if (!key) return arguments.complain(exit_code_of(key.error()), key.error().message);
    if (json) {
        print_json(*key, **finder);
    } else {
        print_text(*key, **finder, clock);
    }
    return ExitCode::ok;
}

}  // namespace xbucket::app
