// SPDX-FileCopyrightText: the xbucket authors
// The search: places in order, the first that is set up gives the key.
#include "sources.h"

#include "xbucket/base/log.h"
#include "xbucket/credentials/renewing.h"

#include <fmt/format.h>

#include <utility>

namespace xbucket {
namespace {

bool is_named(const CredentialsRequest& request) {
    return !request.spec.empty() || !request.file.empty() || !request.profile.empty();
}

// "NAME: TEXT", where the text does not begin with the name already.
std::string about(const std::string& name, const std::string& text) {
    return text.starts_with(name) ? text : fmt::format("{}: {}", name, text);
}

std::string how_it_was_named(const CredentialsRequest& request) {
    if (!request.spec.empty())
        return fmt::format("--credentials={}", request.spec.substr(0, request.spec.find(':')));
    if (!request.file.empty()) return "--credentials-file";
    return fmt::format("--profile={}", request.profile);
}

Error nothing_found(const CredentialsRequest& request, const std::vector<std::string>& asked) {
    const bool s3 = request.dialect == DialectKind::s3;
    return fail(ErrorKind::bad_credentials,
                fmt::format("no access key found; set {} (and {} for a temporary key), or write "
                            "{} ({}), or give --anonymous for a public bucket; asked were: {}",
                            s3 ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                               : "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET",
                            s3 ? "AWS_SESSION_TOKEN" : "OSS_SESSION_TOKEN",
                            s3 ? "~/.aws/credentials" : "~/.ossutilconfig",
                            s3 ? "aws configure" : "ossutil config", fmt::join(asked, "; ")));
}

bool may_pass(const Error& error) {
    return error.kind == ErrorKind::network || error.kind == ErrorKind::timed_out ||
           error.kind == ErrorKind::server_error || error.kind == ErrorKind::throttled;
}

// A machine that has just started may have no network for a moment.
Result<Credentials> first_key(const Recipe& recipe, bool is_guess, Kitchen& kitchen, Clock& clock) {
    constexpr unsigned kAttempts = 3;
    for (unsigned attempt = 1;; ++attempt) {
        auto key = kitchen.follow(recipe);
        const bool again = !key && !is_guess && attempt < kAttempts &&
                           recipe.method != Recipe::Method::process && may_pass(key.error());
        if (!again) return key;
        clock.sleep_for(std::chrono::seconds(1));
    }
}

std::unique_ptr<CredentialsProvider> provider_for(const Place& place, const Recipe& recipe,
                                                  Credentials first, Kitchen& kitchen,
                                                  Clock& clock) {
    if (recipe.is_quick() && place.files.empty()) {
        return std::make_unique<StaticCredentials>(std::move(first));
    }
    RenewalSource source;
    source.quick = recipe.is_quick();
    source.files = place.files;
    source.load = [load = place.load]() -> Result<Recipe> {
        LoadedProfile loaded = TRY(load());
        if (loaded.recipe) return *std::move(loaded.recipe);
        return fail(ErrorKind::bad_credentials, "there is no key any more");
    };
    source.follow = [&kitchen](const Recipe& again) { return kitchen.follow(again); };
    return std::make_unique<RenewingCredentials>(std::move(first), std::move(source), clock);
}

std::vector<std::string> files_of(const Place& place, const Recipe& recipe) {
    std::vector<std::string> files = place.files;
    for (const Recipe* part = &recipe; part != nullptr; part = part->base.get()) {
        for (const std::string& file : {part->token_file, part->authorization_file}) {
            if (!file.empty()) files.push_back(file);
        }
    }
    return files;
}

// What places that were not chosen still know: where the bucket is.
void take_hints_of_rest(const std::vector<Place>& places, size_t chosen, ServiceHints& hints) {
    for (size_t i = chosen + 1; i < places.size(); ++i) {
        if (places[i].files.empty()) continue;
        if (auto loaded = places[i].load()) hints.fill_from(loaded->hints);
    }
}

// Whether it is passed over, and why; an error ends the search.
Result<std::string> reason_to_pass(const Place& place, const Result<LoadedProfile>& loaded,
                                   bool named) {
    if (loaded) {
        return std::string(loaded->recipe ? "" : named ? "says nothing of a key" : "not set up");
    }
    if (loaded.error().kind != ErrorKind::not_found) return loaded.error();
    return std::string(named || place.files.empty() ? loaded.error().message : "not there");
}

Result<FoundCredentials> search(const std::vector<Place>& places, const CredentialsRequest& request,
                                FoundCredentials found, Kitchen& kitchen, Clock& clock) {
    const bool named = is_named(request);
    for (size_t i = 0; i < places.size(); ++i) {
        const Place& place = places[i];
        auto loaded = place.load();
        std::string passed = TRY(reason_to_pass(place, loaded, named));
        if (loaded && !named) found.hints.fill_from(loaded->hints);
        if (passed.empty()) {
            auto key = first_key(*loaded->recipe, place.is_guess && !named, kitchen, clock);
            if (!key && (named || !place.is_guess || key.error().kind != ErrorKind::not_found)) {
                return std::move(key).error();
            }
            if (key) {
                // A profile asked for by name knows better where its buckets are.
                if (named) {
                    std::swap(found.hints, loaded->hints);
                    found.hints.fill_from(loaded->hints);
                } else {
                    take_hints_of_rest(places, i, found.hints);
                }
                found.asked.push_back(fmt::format("{}: in use", place.name));
                found.files = files_of(place, *loaded->recipe);
                found.provider =
                    provider_for(place, *loaded->recipe, std::move(*key), kitchen, clock);
                return found;
            }
            passed = "not there";
        }
        found.asked.push_back(about(place.name, passed));
    }
    if (!named) return nothing_found(request, found.asked);
    return fail(ErrorKind::bad_credentials, fmt::format("{}", fmt::join(found.asked, "; ")));
}

Result<FoundCredentials> use_none(const CredentialsRequest& request,
                                  const SharedEnvironment& environment, FoundCredentials found) {
    take_hints_of_rest(places_in_order(request, environment), 0, found.hints);
    found.asked.emplace_back("--anonymous: in use");
    found.provider = std::make_unique<StaticCredentials>(Credentials{.source = "--anonymous"});
    return found;
}

}  // namespace

Result<FoundCredentials> find_credentials(const CredentialsRequest& request,
                                          const Environment& environment, Kitchen& kitchen,
                                          Clock& clock) {
    const auto shared = std::make_shared<const Environment>(environment);
    FoundCredentials found;
    found.hints = hints_from_environment(environment, request.dialect);
    if (request.anonymous) return use_none(request, shared, std::move(found));
    if (!is_named(request)) {
        return search(places_in_order(request, shared), request, std::move(found), kitchen, clock);
    }
    const auto places = TRY(named_places(request, shared));
    auto result = search(places, request, std::move(found), kitchen, clock);
    if (result) return result;
    Error error = std::move(result).error();
    error.message = about(how_it_was_named(request), error.message);
    return error;
}

}  // namespace xbucket
