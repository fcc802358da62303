// SPDX-FileCopyrightText: the xbucket authors
// A file that another program rewrites, in whichever form that program writes.
#include "json.h"
#include "key_document.h"
#include "shape.h"

#include "xbucket/base/ini.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

Result<LoadedProfile> parse_json_file(std::string_view text, const std::string& path,
                                      const CredentialsRequest& request) {
    const auto object = parse_json_object(text, path);
    if (!object) return fail(ErrorKind::invalid_argument, object.error().message);
    if ((*object)->contains("profiles")) return parse_aliyun(text, path, request.profile);
    auto key = parse_key_document(text, path);
    if (!key) return fail(ErrorKind::invalid_argument, std::move(key).error().message);
    LoadedProfile loaded;
    loaded.recipe = Recipe{.source = path, .key = std::move(*key)};
    loaded.recipe->key.source = path;
    return loaded;
}

}  // namespace

Result<LoadedProfile> parse_key_file(std::string_view text, const std::string& path,
                                     const CredentialsRequest& request,
                                     const Environment& environment) {
    const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    if (first != std::string_view::npos && text[first] == '{') {
        return parse_json_file(text, path, request);
    }
    auto entries = parse_ini(text);
    if (!entries) return std::move(entries).error().with_context(path);
    bool aws = request.dialect == DialectKind::s3;
    bool alibaba = false;
    for (const IniEntry& entry : *entries) {
        aws = aws || entry.name.starts_with("aws_");
        alibaba = alibaba || (entry.name == "type" && !entry.section.empty());
    }
    if (aws) {
        return parse_aws({.credentials = text,
                          .credentials_path = path,
                          .config = {},
                          .config_path = "no config file"},
                         request.profile, environment);
    }
    if (alibaba) return parse_alibaba(text, path, request.profile);
    return parse_ossutil(text, path, request.profile, request.bucket);
}

}  // namespace xbucket
