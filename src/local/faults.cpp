// SPDX-FileCopyrightText: the xbucket authors
#include "faults.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

namespace xbucket::local {

namespace {

constexpr std::array<std::pair<std::string_view, RequestKind>, 19> kKinds = {{
    {"head", RequestKind::head},
    {"get", RequestKind::get},
    {"put", RequestKind::put},
    {"copy", RequestKind::copy},
    {"list", RequestKind::list},
    {"delete", RequestKind::del},
    {"multi-delete", RequestKind::multi_delete},
    {"initiate", RequestKind::initiate},
    {"part", RequestKind::part},
    {"part-copy", RequestKind::part_copy},
    {"complete", RequestKind::complete},
    {"abort", RequestKind::abort},
    {"tagging", RequestKind::tagging},
    {"acl", RequestKind::acl},
    {"restore", RequestKind::restore},
    {"symlink", RequestKind::symlink},
    {"append", RequestKind::append},
    {"bucket", RequestKind::bucket},
    {"any", RequestKind::any},
}};

constexpr std::array<std::pair<std::string_view, FaultAction>, 13> kActions = {{
    {"drop", FaultAction::drop},
    {"apply-drop", FaultAction::apply_drop},
    {"reset", FaultAction::reset},
    {"apply-reset", FaultAction::apply_reset},
    {"stall", FaultAction::stall},
    {"apply-stall", FaultAction::apply_stall},
    {"truncate-body", FaultAction::truncate_body},
    {"corrupt-body", FaultAction::corrupt_body},
    {"200-with-error", FaultAction::ok_with_error},
    {"wrong-etag", FaultAction::wrong_etag},
    {"ignore-conditions", FaultAction::ignore_conditions},
    {"lose-tags", FaultAction::lose_tags},
    {"force-download", FaultAction::force_download},
}};

std::optional<int> parse_small(std::string_view text, uint64_t least, uint64_t most) {
    const auto value = parse_u64(text);
    if (!value || *value < least || *value > most) return std::nullopt;
    return static_cast<int>(*value);
}

}  // namespace

std::string_view to_string(RequestKind kind) {
    for (const auto& [name, k] : kKinds) {
        if (k == kind) return name;
    }
    return "any";
}

bool Fault::applies() const {
    switch (action) {
        case FaultAction::status:
        case FaultAction::drop:
        case FaultAction::reset:
        case FaultAction::stall:
        case FaultAction::ok_with_error:
            return false;
        case FaultAction::none:
        case FaultAction::apply_drop:
        case FaultAction::apply_reset:
        case FaultAction::apply_stall:
        case FaultAction::delay:
        case FaultAction::truncate_body:
        case FaultAction::corrupt_body:
        case FaultAction::wrong_etag:
        case FaultAction::ignore_conditions:
        case FaultAction::lose_tags:
        case FaultAction::force_download:
            return true;
    }
    return true;
}

Result<void> Faults::parse_which(std::string_view text, Rule& rule) {
    const auto bad = [&] {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("'{}' is none of N, N-M, N+, * and %N", text));
    };
    if (text == "*") return {};
    if (text.starts_with('%')) {
        const auto every = parse_u64(text.substr(1));
        if (!every || *every == 0) return bad();
        rule.every = *every;
        return {};
    }
    const bool open_end = text.ends_with('+');
    const size_t dash = text.find('-');
    const std::string_view first =
        open_end ? text.substr(0, text.size() - 1) : text.substr(0, dash);
    const auto low = parse_u64(first);
    if (!low || *low == 0) return bad();
    rule.first = *low;
    if (open_end) return {};
    const auto high = dash == std::string_view::npos ? low : parse_u64(text.substr(dash + 1));
    if (!high || *high < *low) return bad();
    rule.last = *high;
    return {};
}

Result<Fault> Faults::parse_action(std::string_view text) {
    Fault fault;
    for (const auto& [name, action] : kActions) {
        if (text == name) {
            fault.action = action;
            return fault;
        }
    }
    const size_t colon = text.find(':');
    const std::string_view head = text.substr(0, colon);
    std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (head == "delay") {
        const auto ms = parse_small(rest, 0, 3'600'000);
        if (!ms) return fail(ErrorKind::invalid_argument, "delay needs milliseconds: delay:MS");
        fault.action = FaultAction::delay;
        fault.delay_ms = *ms;
        return fault;
    }
    const auto status = parse_small(head, 200, 599);
    if (!status) {
        return fail(ErrorKind::invalid_argument, fmt::format("'{}' is not an action", text));
    }
    fault.action = FaultAction::status;
    fault.status = *status;
    const size_t second = rest.find(':');
    fault.code = std::string(rest.substr(0, second));
    if (second != std::string_view::npos) {
        const auto seconds = parse_small(rest.substr(second + 1), 0, 86'400);
        if (!seconds) {
            return fail(ErrorKind::invalid_argument, "Retry-After must be a number of seconds");
        }
        fault.retry_after = *seconds;
    }
    return fault;
}

Result<Faults::Rule> Faults::parse_rule(std::string_view text) {
    const auto context = [&](Error error) {
        return std::move(error).with_context(
            fmt::format("the fault rule '{}' does not parse (KIND[@KEY]:WHICH:ACTION)", text));
    };
    const size_t first = text.find(':');
    const size_t second =
        first == std::string_view::npos ? std::string_view::npos : text.find(':', first + 1);
    if (second == std::string_view::npos) {
        return context(fail(ErrorKind::invalid_argument, "it needs three parts"));
    }
    Rule rule;
    std::string_view kind = text.substr(0, first);
    if (const size_t at = kind.find('@'); at != std::string_view::npos) {
        auto key = percent_decode(kind.substr(at + 1));
        if (!key) return context(fail(ErrorKind::invalid_argument, "its key has a bad escape"));
        rule.key = std::move(*key);
        rule.key_is_prefix = rule.key.ends_with('*');
        if (rule.key_is_prefix) rule.key.pop_back();
        kind = kind.substr(0, at);
    } else {
        rule.key_is_prefix = true;
    }
    bool known = false;
    for (const auto& [name, k] : kKinds) {
        if (name == kind) {
            rule.kind = k;
            known = true;
        }
    }
    if (!known) {
        return context(fail(ErrorKind::invalid_argument, fmt::format("unknown kind '{}'", kind)));
    }
    auto which = parse_which(text.substr(first + 1, second - first - 1), rule);
    if (!which) return context(std::move(which).error());
    auto fault = parse_action(text.substr(second + 1));
    if (!fault) return context(std::move(fault).error());
    rule.fault = std::move(*fault);
    return rule;
}

Result<void> Faults::set(std::string_view text) {
    std::vector<Rule> rules;
    while (!text.empty()) {
        const size_t end = text.find_first_of(",\n");
        const std::string_view item = trim_ows(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (!item.empty()) rules.push_back(TRY(parse_rule(item)));
    }
    LockGuard lock(mutex_);
    rules_ = std::move(rules);
    return {};
}

Fault Faults::next(RequestKind kind, std::string_view key) {
    LockGuard lock(mutex_);
    Fault chosen;
    for (auto& rule : rules_) {
        if (rule.kind != RequestKind::any && rule.kind != kind) continue;
        if (rule.key_is_prefix ? !key.starts_with(rule.key) : key != rule.key) continue;
        ++rule.seen;
        const bool now =
            rule.seen >= rule.first && rule.seen <= rule.last && rule.seen % rule.every == 0;
        if (now && chosen.action == FaultAction::none) chosen = rule.fault;
    }
    if (chosen.action == FaultAction::none && error_rate_ > 0 &&
        std::uniform_real_distribution<double>(0, 1)(random_) < error_rate_) {
        chosen.action = FaultAction::status;
        chosen.status = 503;
        chosen.code = "ServiceUnavailable";
    }
    return chosen;
}

}  // namespace xbucket::local
