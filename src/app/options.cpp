// SPDX-FileCopyrightText: the xbucket authors
// The three layers of settings, laid over one another. Values go through the table's own setters,
// so that a bad one is reported in the same words wherever it came from.
#include "options.h"

#include "word_parser.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/ini.h"
#include "xbucket/base/private_file.h"
#include "xbucket/credentials/find.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace xbucket::app {
namespace {

using Arguments = std::vector<std::string>;

Error bad(std::string message) { return fail(ErrorKind::invalid_argument, std::move(message)); }

// A value on its way into the Config, and where it came from, for messages.
struct Given {
    const Setting* setting = nullptr;
    std::string text;
    std::string origin;
};

// What is left to the parser when "-o" strings are unfolded into long options, in place, so that
// the last of two settings wins whichever way each was written.
struct Unfolded {
    Arguments arguments;
    Arguments kernel_options;
    bool fake = false;
};

Result<void> unfold_mount_option(const std::string& option, Unfolded& out) {
    if (is_fstab_noise(option)) return {};
    if (is_kernel_option(option)) {
        out.kernel_options.push_back(option);
        return {};
    }
    const std::string name = option.substr(0, option.find('='));
    if (name == "remount") {
        return bad("remount is not possible: unmount, then mount with the new options");
    }
    const Setting* setting = find_setting(name);
    if (setting == nullptr) {
        return bad(fmt::format("unknown option '{}' behind -o; see xbucket --help", name));
    }
    if (!setting->value.empty() && name.size() == option.size()) {
        return bad(
            fmt::format("option '{}' behind -o needs a value: {}={}", name, name, setting->value));
    }
    out.arguments.push_back(fmt::format("--{}{}", setting->name, option.substr(name.size())));
    return {};
}

Result<Unfolded> unfold(const Arguments& arguments, bool helper) {
    Unfolded out;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--") {
            out.arguments.insert(out.arguments.end(),
                                 arguments.begin() + static_cast<std::ptrdiff_t>(i),
                                 arguments.end());
            break;
        }
        if (helper && (word == "-n" || word == "-s" || word == "-v")) continue;
        if (helper && (word == "-t" || word == "-N")) {
            ++i;
            continue;
        }
        if (helper && word == "-f") {
            out.fake = true;
            continue;
        }
        const bool is_o = word.starts_with("-o") && !word.starts_with("--");
        if (!is_o) {
            out.arguments.push_back(with_hyphens(word));
            continue;
        }
        if (word == "-o" && i + 1 == arguments.size()) return bad("-o needs options behind it");
        const std::string text = word == "-o" ? arguments[++i] : word.substr(2);
        for (const std::string& option : split_mount_options(text)) {
            TRY(unfold_mount_option(option, out));
        }
    }
    return out;
}

struct CommandLine {
    std::string source;
    std::string mountpoint;
    std::string config_file;
    std::vector<Given> given;  // in the table's order; each at most once
    bool help = false;
    bool version = false;
};

Result<CommandLine> parse_words(Arguments words) {
    CommandLine line;
    WordParser parser;
    parser.option("SOURCE", line.source);
    parser.option("MOUNTPOINT", line.mountpoint);
    parser.option("-c,--config", line.config_file);
    parser.flag("-h,--help", line.help);
    parser.flag("-V,--version", line.version);
    for (const Setting& setting : settings()) parser.setting(setting);
    if (const auto parsed = parser.parse(std::move(words)); !parsed) {
        return bad(fmt::format("{}; see xbucket --help", parsed.error().message));
    }
    for (const auto& [setting, text] : parser.given_settings()) {
        line.given.push_back({setting, text, fmt::format("--{}", setting->name)});
    }
    return line;
}

// XBUCKET_NEGATIVE_TTL for "negative-ttl".
std::string variable_of(const Setting& setting) {
    std::string name = "XBUCKET_";
    for (const char c : setting.name) {
        name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return name;
}

// What is said for every mount and means nothing to this one is passed over.
bool concerns(const Setting& setting, const Source& source) {
    if (setting.name == "dialect") return source.local;
    if (setting.name == "signature") return source.dialect == DialectKind::oss;
    const bool brought_along = setting.name == "endpoint" || setting.name == "credentials" ||
                               setting.name == "credentials-file" || setting.name == "anonymous";
    return !source.local || !brought_along;
}

std::vector<Given> given_by_environment(const Environment& environment, const Source& source) {
    std::vector<Given> given;
    for (const Setting& setting : settings()) {
        if (!concerns(setting, source)) continue;
        const std::string variable = variable_of(setting);
        if (const auto text = environment.get(variable)) {
            given.push_back({&setting, std::string(*text), variable});
        }
    }
    return given;
}

// Whether a section [oss://photos] holds for the source oss://photos/2024: the same, or above it.
bool section_holds(std::string_view section, std::string_view source) {
    while (section.ends_with('/')) section.remove_suffix(1);
    if (!source.starts_with(section)) return false;
    const std::string_view rest = source.substr(section.size());
    return rest.empty() || rest.front() == '/' ||
           (rest.front() == '#' && section.starts_with("local:"));
}

// Each laid over those before it.
using Layers = std::vector<std::vector<Given>>;

// Lines before any section hold for every mount, those behind [SOURCE] for that source and what
// lies below it; the longer name wins.
Result<Layers> given_by_file(const std::string& path, const Config& config) {
    const PrivateFile file = TRY(read_private_file(path));
    auto entries = parse_ini(file.text);
    if (!entries) return std::move(entries).error().with_context(path);
    std::map<size_t, std::vector<Given>> by_length;  // of the section's name; 0: for every mount
    for (IniEntry& entry : *entries) {
        const std::string origin = fmt::format("{} line {}", path, entry.line);
        const bool every = entry.section.empty() || entry.section == "default";
        if (!every && !parse_source(entry.section)) {
            return bad(
                fmt::format("{}: [{}] is neither [default] nor a source such as "
                            "[oss://bucket]",
                            origin, printable(entry.section)));
        }
        const Setting* setting = find_setting(entry.name);
        if (setting == nullptr) {
            return bad(fmt::format("{}: unknown setting '{}'; see xbucket --help", origin,
                                   printable(entry.name)));
        }
        if (every ? !concerns(*setting, config.source)
                  : !section_holds(entry.section, config.source_text)) {
            continue;
        }
        by_length[every ? 0 : entry.section.size()].push_back(
            {setting, std::string(entry.value.reveal()), origin});
    }
    Layers layers;
    for (auto& [length, given] : by_length) layers.push_back(std::move(given));
    return layers;
}

// The file that --config or XBUCKET_CONFIG named, else the first of the usual ones that is there.
Result<Layers> given_by_files(const std::string& named, const Environment& environment,
                              Config& config) {
    if (!named.empty()) {
        std::error_code ignored;
        config.config_file = std::filesystem::absolute(named, ignored).string();
        return given_by_file(named, config);
    }
    const std::string user_file = fmt::format(
        "{}/xbucket/xbucket.conf",
        environment.get("XDG_CONFIG_HOME").value_or(fmt::format("{}/.config", environment.home())));
    for (const std::string& path : {user_file, std::string("/etc/xbucket.conf")}) {
        auto given = given_by_file(path, config);
        if (given) config.config_file = path;
        if (given || given.error().kind != ErrorKind::not_found) return given;
    }
    return Layers();
}

// --credentials, --credentials-file, --profile and --anonymous are one choice: what a layer says of
// it takes back what those below said of the others, which could only stand against it or, worse,
// unnoticed above it.
void take_back_other_keys(const std::vector<Given>& given, Config& config) {
    const auto says = [&given](std::string_view name) {
        return std::any_of(given.begin(), given.end(), [name](const Given& one) {
            return one.setting->name == name && !one.text.empty();
        });
    };
    const auto take_back = [&](std::string& value, std::string_view name) {
        if (says(name)) return;
        value.clear();
        config.given.erase(std::string(name));
    };
    const auto spec = parse_spec(config.credentials);
    const bool profile_fits = config.credentials.empty() || !spec || takes_profile(*spec);
    const bool anonymous = says("anonymous") && config.anonymous;
    const bool named = says("credentials") || says("credentials-file") || says("profile");
    if (named && !says("anonymous")) {
        config.anonymous = false;
        config.given.erase("anonymous");
    }
    if (anonymous || (says("credentials") && !profile_fits)) take_back(config.profile, "profile");
    if (anonymous || says("credentials")) take_back(config.credentials_file, "credentials-file");
    if (anonymous || says("credentials-file") || (says("profile") && !profile_fits)) {
        take_back(config.credentials, "credentials");
    }
}

Result<void> lay_over(const std::vector<Given>& given, Config& config) {
    for (const Given& one : given) {
        auto done = one.setting->set(config, one.text);
        if (!done) return std::move(done).error().with_context(one.origin);
        config.given.insert_or_assign(std::string(one.setting->name), one.text);
    }
    take_back_other_keys(given, config);
    return {};
}

}  // namespace

std::string with_hyphens(std::string word) {
    if (!word.starts_with("--")) return word;
    const size_t end = std::min(word.find('='), word.size());
    std::replace(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(end), '_', '-');
    return word;
}

std::vector<std::string> with_config_file(std::vector<std::string> arguments,
                                          const std::string& config_file) {
    if (config_file.empty()) return arguments;
    // Behind any other --config, whose place the last one takes; behind "--" no word is an option.
    arguments.insert(std::find(arguments.begin(), arguments.end(), "--"),
                     "--config=" + config_file);
    return arguments;
}

Result<ParsedCommand> parse_mount_command(const std::vector<std::string>& arguments,
                                          const Environment& environment, bool helper) {
    Unfolded unfolded = TRY(unfold(arguments, helper));
    CommandLine line = TRY(parse_words(std::move(unfolded.arguments)));
    ParsedCommand parsed;
    if (line.help || line.version) {
        parsed.action = line.help ? ParsedCommand::Action::help : ParsedCommand::Action::version;
        return parsed;
    }
    if (unfolded.fake) parsed.action = ParsedCommand::Action::nothing;
    Config& config = parsed.config;
    if (line.source.empty()) return bad("nothing to mount given; write: xbucket SOURCE MOUNTPOINT");
    config.source_text = line.source;
    config.source = TRY(parse_source(line.source));
    config.mountpoint = line.mountpoint;
    config.kernel_options = std::move(unfolded.kernel_options);

    if (line.config_file.empty()) line.config_file = environment.first_of({"XBUCKET_CONFIG"});
    for (const auto& layer : TRY(given_by_files(line.config_file, environment, config))) {
        TRY(lay_over(layer, config));
    }
    TRY(lay_over(given_by_environment(environment, config.source), config));
    TRY(lay_over(line.given, config));
    TRY(validate(config));
    return parsed;
}

}  // namespace xbucket::app
