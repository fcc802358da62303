// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/credentials/kitchen.h"

#include "key_document.h"
#include "services.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

std::string metadata_address(const KitchenConfig& config, Cloud cloud) {
    if (!config.metadata_endpoint.empty()) return config.metadata_endpoint;
    if (cloud == Cloud::alibaba) return "http://100.100.100.200";
    return config.ec2_endpoint.empty() ? "http://169.254.169.254" : config.ec2_endpoint;
}

}  // namespace

Kitchen::Kitchen(KitchenConfig config, Transport& direct, Transport& transport, Clock& clock)
    : config_(std::move(config)), direct_(direct), transport_(transport), clock_(clock) {
    config_.process.stopped = [this] { return stopping_.load(); };
    if (!config_.run_program) {
        config_.run_program = [this](const std::string& command, bool shell,
                                     const ProcessLimits& limits) {
            return run_credential_process(command, shell, limits, clock_);
        };
    }
    for (std::string* address : {&config_.metadata_endpoint, &config_.ec2_endpoint}) {
        while (address->ends_with('/')) address->pop_back();
    }
}

Result<Credentials> Kitchen::follow(const Recipe& recipe) { return follow(recipe, 0); }

Result<Credentials> Kitchen::follow(const Recipe& recipe, unsigned depth) {
    const auto ask = [&]() -> Result<Credentials> {
        switch (recipe.method) {
            case Recipe::Method::key:
                return recipe.key;
            case Recipe::Method::metadata:
                return ask_metadata(recipe, metadata_address(config_, recipe.cloud), direct_);
            case Recipe::Method::process: {
                const Secret output =
                    TRY(config_.run_program(recipe.command, recipe.shell, config_.process));
                return parse_key_document(output.reveal(), "the output of the credential process");
            }
            case Recipe::Method::uri:
                return ask_uri(recipe, direct_, transport_);
            case Recipe::Method::role: {
                if (!recipe.base || depth >= kRoleChainMax) {
                    return fail(ErrorKind::bad_credentials, "a role that builds on no key");
                }
                const Credentials base = TRY(follow(*recipe.base, depth + 1));
                return ask_sts(recipe, base, config_.sts_endpoint, transport_, clock_);
            }
            case Recipe::Method::web_identity:
                return ask_sts(recipe, Credentials(), config_.sts_endpoint, transport_, clock_);
        }
        return fail(ErrorKind::internal, "no such method");
    };
    auto key = ask();
    if (!key) return std::move(key).error().with_context(recipe.source);
    key->source = recipe.source;
    return key;
}

}  // namespace xbucket
