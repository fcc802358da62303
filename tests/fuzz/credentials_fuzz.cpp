// SPDX-FileCopyrightText: the xbucket authors
// Files, programs and services that hand over keys, with any bytes. Whatever is accepted can be
// used: a key that a header can carry, a recipe that ends. Whatever is refused is refused in one
// line that a terminal can show.
#include "key_document.h"
#include "services.h"
#include "shape.h"

#include "xbucket/base/result.h"
#include "xbucket/credentials/find.h"

#include <algorithm>
#include <cstdint>

using namespace xbucket;  // NOLINT

namespace {

bool is_said_well(const Error& error) {
    return !error.message.empty() &&
           std::none_of(error.message.begin(), error.message.end(),
                        [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

void check_usable(const Credentials& key) {
    CHECK(check_key(key));
    CHECK(is_safe_header_value(key.access_key_id));
    CHECK(is_safe_header_value(key.session_token.reveal()));
}

void check_recipe(const Recipe& recipe, unsigned depth) {
    CHECK(depth <= kRoleChainMax);
    if (recipe.method == Recipe::Method::key) check_usable(recipe.key);
    if (recipe.method == Recipe::Method::uri) CHECK(check_key_address(recipe.uri, "it"));
    if (recipe.method == Recipe::Method::role) CHECK(recipe.base != nullptr);
    if (recipe.method == Recipe::Method::process) CHECK(!recipe.command.empty());
    if (recipe.base) check_recipe(*recipe.base, depth + 1);
}

void check_profile(const Result<LoadedProfile>& loaded) {
    if (!loaded) {
        CHECK(is_said_well(loaded.error()));
    } else if (loaded->recipe) {
        check_recipe(*loaded->recipe, 0);
    }
}

void check_files(std::string_view text) {
    const Environment environment(std::map<std::string, std::string>{});
    for (const char* profile : {"", "p"}) {
        check_profile(parse_ossutil(text, "F", profile, "b"));
        check_profile(parse_aliyun(text, "F", profile));
        check_profile(parse_alibaba(text, "F", profile));
        check_profile(parse_aws(
            {.credentials = text, .credentials_path = "K", .config = text, .config_path = "C"},
            profile, environment));
        for (const DialectKind dialect : {DialectKind::oss, DialectKind::s3}) {
            CredentialsRequest request;
            request.dialect = dialect;
            request.profile = profile;
            check_profile(parse_key_file(text, "F", request, environment));
        }
    }
}

void check_replies(std::string_view text) {
    const auto document = parse_key_document(text, "it");
    if (document) {
        check_usable(*document);
    } else {
        CHECK(is_said_well(document.error()));
    }
    for (const Cloud cloud : {Cloud::alibaba, Cloud::aws}) {
        if (const auto key = parse_sts_reply(cloud, text)) check_usable(*key);
    }
    HttpResponse reply;
    reply.status = 400;
    reply.body = text;
    CHECK(is_said_well(sts_refusal(reply, "it")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_files(text);
    check_replies(text);
    if (check_key_address(text, "it")) {
        const SplitUrl url = split_url(text);
        CHECK(url.target.starts_with('/'));
        CHECK(url.origin.starts_with("http"));
    }
    (void)parse_spec(text);
    return 0;
}
