// SPDX-FileCopyrightText: the xbucket authors
// The attribute model, rule by rule of DESIGN 2.
#include "support/memory_service.h"

#include "xbucket/meta/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MemoryService;
using ::testing::UnorderedElementsAre;

class Model : public ::testing::Test {
  protected:
    const AttributeModel oss{MemoryService::oss().traits};
    const AttributeModel s3{MemoryService::s3().traits};
    const ObjectKey key{"dir/a.txt"};
    ObjectInfo info;

    Model() { info.attributes[HttpField::content_type] = "text/plain"; }

    static AttrChange change(std::string_view name, std::optional<std::string> value,
                             SetFlag flag = SetFlag::any) {
        return {AttrName::parse(name).value(), std::move(value), flag};
    }
    std::optional<ErrorKind> set(const AttributeModel& model, std::string_view name,
                                 std::optional<std::string> value, SetFlag flag = SetFlag::any) {
        const ObjectAttributes before = info.attributes;
        const auto result = model.apply(key, change(name, std::move(value), flag), info.attributes);
        if (result) return std::nullopt;
        EXPECT_EQ(info.attributes, before) << "a failure changes nothing";
        return result.error().kind;
    }
    std::optional<std::string> get(const AttributeModel& model, std::string_view name) const {
        const auto value = model.get(key, info, AttrName::parse(name).value());
        if (!value) return std::nullopt;
        return *value;
    }
    std::vector<std::string> list(const AttributeModel& model) const {
        return model.list(key, info, std::nullopt, {});
    }
};

TEST_F(Model, grammar_of_names) {
    const auto kind = [](std::string_view name) { return AttrName::parse(name).value().kind; };
    EXPECT_EQ(kind("user.year"), AttrKind::user_metadata);
    EXPECT_EQ(kind("user.meta.http.x"), AttrKind::user_metadata);
    EXPECT_EQ(kind("user.httpx"), AttrKind::user_metadata);
    EXPECT_EQ(kind("user.http.expires"), AttrKind::http_field);
    EXPECT_EQ(kind("user.mime_type"), AttrKind::http_field);
    EXPECT_EQ(kind("user.tag.K"), AttrKind::tag);
    EXPECT_EQ(kind("user.object.etag"), AttrKind::object_fact);
    EXPECT_EQ(kind("user.object.acl"), AttrKind::acl);
    EXPECT_EQ(kind("user.object.url.60"), AttrKind::url);
    EXPECT_EQ(kind("user.xbucket.refresh"), AttrKind::control);
    EXPECT_EQ(kind("security.capability"), AttrKind::foreign);
    EXPECT_EQ(kind("User.a"), AttrKind::foreign);
    EXPECT_EQ(AttrName::parse("user.object.url.60").value().url_seconds, 60U);
    for (const char* name : {"user.", "user.http.x-foo", "user.xbucket.other", "user.meta.",
                             "user.tag.", "user.object.", "user.object.url.", "user.object.url.0"})
        EXPECT_EQ(AttrName::parse(name).error().kind, ErrorKind::invalid_name) << name;
}

TEST_F(Model, set_get_list_remove_of_user_metadata) {
    EXPECT_EQ(set(oss, "user.year", "2021"), std::nullopt);
    EXPECT_EQ(info.attributes.user.at("year"), "2021");
    EXPECT_EQ(get(oss, "user.year"), "2021");
    EXPECT_THAT(list(oss), ElementsAre("user.year"));
    EXPECT_EQ(set(oss, "user.year", std::nullopt), std::nullopt);
    EXPECT_EQ(get(oss, "user.year"), std::nullopt);
    EXPECT_EQ(set(oss, "user.year", std::nullopt), ErrorKind::no_such_attribute);
}

TEST_F(Model, flags_are_judged_per_name) {
    EXPECT_EQ(set(oss, "user.other", "x"), std::nullopt);
    EXPECT_EQ(set(oss, "user.a", "1", SetFlag::replace_only), ErrorKind::no_such_attribute);
    EXPECT_EQ(set(oss, "user.a", "1", SetFlag::create_only), std::nullopt);
    EXPECT_EQ(set(oss, "user.a", "2", SetFlag::create_only), ErrorKind::already_exists);
    EXPECT_EQ(set(oss, "user.a", "2", SetFlag::replace_only), std::nullopt);
    EXPECT_EQ(get(oss, "user.a"), "2");
}

TEST_F(Model, reserved_words_are_listed_as_user_meta) {
    info.attributes.user = {{"http--2ex", "1"}, {"mime--5ftype", "2"}, {"object--2eetag", "3"}};
    EXPECT_THAT(list(oss), UnorderedElementsAre("user.meta.http.x", "user.meta.mime_type",
                                                "user.meta.object.etag"));
    for (const std::string& name : list(oss)) EXPECT_TRUE(get(oss, name)) << name;
}

TEST_F(Model, what_is_listed_can_be_read) {
    info.attributes.user = {{"my_name", "1"}, {"my--5fname", "2"}, {"plain", "3"}, {"a.b", "4"}};
    info.attributes[HttpField::cache_control] = "no-cache";
    info.attributes[HttpField::content_type] = "text/x-demo";
    const auto names = list(s3);
    EXPECT_EQ(names.size(), 6U);
    for (const std::string& name : names) EXPECT_TRUE(get(s3, name)) << name;
}

TEST_F(Model, a_foreign_header_is_updated_under_its_own_spelling) {
    info.attributes.user = {{"my_name", "1"}};
    EXPECT_EQ(get(s3, "user.my_name"), "1");
    EXPECT_EQ(set(s3, "user.my_name", "2"), std::nullopt);
    EXPECT_EQ(info.attributes.user, (UserMetadata{{"my_name", "2"}}));
}

TEST_F(Model, a_value_that_says_the_same_keeps_its_spelling) {
    info.attributes.user = {{"t", "=?utf-8?q?caf=C3=A9?="}};
    EXPECT_EQ(set(oss, "user.t", "café"), std::nullopt);
    EXPECT_EQ(info.attributes.user.at("t"), "=?utf-8?q?caf=C3=A9?=");
}

TEST_F(Model, content_type_is_listed_only_where_it_differs_from_the_default) {
    EXPECT_THAT(list(oss), IsEmpty());
    EXPECT_EQ(get(oss, "user.http.content-type"), "text/plain");
    EXPECT_EQ(set(oss, "user.mime_type", "text/x-demo"), std::nullopt);
    EXPECT_THAT(list(oss), ElementsAre("user.mime_type"));
    EXPECT_EQ(get(oss, "user.http.content-type"), "text/x-demo");
    EXPECT_EQ(set(oss, "user.http.content-type", std::nullopt), std::nullopt);
    EXPECT_EQ(get(oss, "user.mime_type"), "text/plain");
    EXPECT_THAT(list(oss), IsEmpty());
}

TEST_F(Model, http_fields_take_header_text_only) {
    EXPECT_EQ(set(oss, "user.http.cache-control", "no-cache"), std::nullopt);
    EXPECT_THAT(list(oss), ElementsAre("user.http.cache-control"));
    for (const char* bad : {"", "a\r\nb", "caf\xc3\xa9", " x", "x "})
        EXPECT_EQ(set(oss, "user.http.cache-control", bad), ErrorKind::invalid_argument) << bad;
    EXPECT_EQ(set(oss, "user.http.cache-control", std::nullopt), std::nullopt);
    EXPECT_EQ(set(oss, "user.http.expires", std::nullopt), ErrorKind::no_such_attribute);
}

TEST_F(Model, recorded_posix_state_is_not_listed_but_reachable) {
    info.attributes.user = {{"mode", "33188"}, {"mtime", "1700000000.5"}, {"uid", "me"}};
    EXPECT_THAT(list(oss), ElementsAre("user.uid")) << "no number: somebody's attribute";
    EXPECT_EQ(get(oss, "user.meta.mtime"), "1700000000.5");
}

TEST_F(Model, one_value_over_the_limit_is_too_large_and_a_total_over_it_has_no_space) {
    EXPECT_EQ(set(s3, "user.a", std::string(2048, 'x')), ErrorKind::value_too_large);
    EXPECT_EQ(set(s3, "user.a", std::string(2047, 'x')), std::nullopt);
    EXPECT_EQ(set(s3, "user.b", "1"), ErrorKind::no_attribute_space);
    EXPECT_EQ(set(s3, "user.a", std::string(2045, 'x')), std::nullopt);
    EXPECT_EQ(set(s3, "user.b", "1"), std::nullopt);
}

TEST_F(Model, oss_counts_the_prefix_of_each_name) {
    info.attributes.user = {{"k", "v"}};
    EXPECT_EQ(oss.metadata_bytes(info.attributes), 11U + 1 + 1);
    EXPECT_EQ(s3.metadata_bytes(info.attributes), 1U + 1);
}

TEST_F(Model, s3_is_not_asked_to_store_the_encoding_that_it_takes_for_a_request_s) {
    const char* const name = "user.http.content-encoding";
    for (const char* value : {"aws-chunked", "gzip, AWS-chunked", "aws-chunked,br"}) {
        EXPECT_EQ(set(s3, name, value), ErrorKind::invalid_argument) << value;
        EXPECT_EQ(set(oss, name, value), std::nullopt) << value;
    }
    EXPECT_EQ(set(s3, name, "aws-chunked-not"), std::nullopt);
}

TEST_F(Model, posix_keys_yield_to_user_values_at_the_limit) {
    PosixRecord record;
    record.mode = 0100644;
    record.mtime = WallTime::from_seconds(1'700'000'000);
    EXPECT_TRUE(s3.apply_posix(record, info.attributes));
    EXPECT_EQ(set(s3, "user.a", std::string(2047, 'x')), std::nullopt);
    EXPECT_EQ(info.attributes.user.size(), 1U);
    EXPECT_FALSE(s3.apply_posix(record, info.attributes));
    EXPECT_EQ(info.attributes.user.size(), 1U);
}

TEST_F(Model, the_mode_of_a_symbolic_link_never_yields) {
    info.attributes.user = {{"mode", "41471"}};  // 0120777
    EXPECT_EQ(set(s3, "user.a", std::string(2047, 'x')), ErrorKind::no_attribute_space);
}

TEST_F(Model, a_users_own_mode_is_never_overwritten) {
    info.attributes.user = {{"mode", "fast"}};
    PosixRecord record;
    record.mode = 0100644;
    s3.apply_posix(record, info.attributes);
    EXPECT_EQ(info.attributes.user.at("mode"), "fast");
}

TEST_F(Model, facts_foreign_names_and_controls_refuse_with_their_own_kind) {
    EXPECT_EQ(set(oss, "user.object.etag", "x"), ErrorKind::not_permitted);
    EXPECT_EQ(set(oss, "user.object.url", "x"), ErrorKind::not_permitted);
    EXPECT_EQ(set(oss, "user.object.storage-class", std::nullopt), ErrorKind::not_permitted);
    EXPECT_EQ(set(oss, "security.capability", "x"), ErrorKind::unsupported);
    EXPECT_EQ(set(oss, "system.posix_acl_access", "x"), ErrorKind::unsupported);
}

TEST_F(Model, facts_are_readable_and_listed_only_on_request) {
    info.etag = ETag("ABC");
    info.size = 5;
    EXPECT_EQ(get(oss, "user.object.etag"), "ABC");
    EXPECT_EQ(get(oss, "user.object.size"), "5");
    EXPECT_EQ(get(oss, "user.object.crc64"), std::nullopt);
    EXPECT_THAT(list(oss), IsEmpty());
    const auto all = oss.list(key, info, std::nullopt, {.all = true});
    EXPECT_THAT(all, ::testing::Contains("user.object.etag"));
    EXPECT_THAT(all, ::testing::Not(::testing::Contains("user.object.crc64")));
}

TEST_F(Model, the_default_class_is_said_and_setting_it_changes_nothing) {
    EXPECT_EQ(get(s3, "user.object.storage-class"), "STANDARD");
    const ObjectAttributes before = info.attributes;
    EXPECT_EQ(set(s3, "user.object.storage-class", "STANDARD"), std::nullopt);
    EXPECT_EQ(info.attributes, before);
    EXPECT_EQ(set(s3, "user.object.storage-class", "a b"), ErrorKind::invalid_argument);
}

TEST_F(Model, tags_keep_their_rules) {
    info.attributes.tags = Tags{};
    EXPECT_EQ(set(oss, "user.tag.Owner", "me"), std::nullopt);
    EXPECT_EQ(set(oss, "user.tag.Owner", "me", SetFlag::create_only), ErrorKind::already_exists);
    EXPECT_EQ(set(oss, "user.tag.v", std::string(257, 'x')), ErrorKind::value_too_large);
    EXPECT_EQ(set(oss, "user.tag.v", std::string("\0x", 2)), ErrorKind::invalid_argument);
    EXPECT_EQ(set(oss, "user.tag.v", "R&D"), ErrorKind::invalid_argument);
    EXPECT_EQ(set(oss, "user.tag.a;b", "x"), ErrorKind::invalid_argument);
    EXPECT_EQ(set(oss, "user.tag.v", "a@b"), ErrorKind::invalid_argument) << "Amazon takes it";
    EXPECT_EQ(set(oss, "user.tag.Owner", "\xc3\xa4 Z9 +-=._:/"), std::nullopt);
    EXPECT_EQ(set(s3, "user.tag.Owner", "R&D"), std::nullopt) << "what it takes is not known";
    for (int i = 0; i < 9; ++i)
        EXPECT_EQ(set(oss, "user.tag.k" + std::to_string(i), ""), std::nullopt);
    EXPECT_EQ(set(oss, "user.tag.eleventh", ""), ErrorKind::no_attribute_space);
    EXPECT_THAT(oss.list(key, info, Tags{{"Owner", "me"}}, {}), ElementsAre("user.tag.Owner"));
}

TEST(ContentTypes, one_table_for_all_machines) {
    const auto type = [](const char* key) {
        return AttributeModel::default_content_type(ObjectKey(key));
    };
    EXPECT_EQ(type("a/b.TXT"), "text/plain");
    EXPECT_EQ(type("x.tar.gz"), "application/gzip");
    EXPECT_EQ(type("noext"), "application/octet-stream");
    EXPECT_EQ(type(".png"), "application/octet-stream");
    EXPECT_EQ(type("a.b/c"), "application/octet-stream");
    EXPECT_EQ(type("dir/"), "application/x-directory");
    EXPECT_EQ(type("a.7z"), "application/x-7z-compressed");
    EXPECT_EQ(type("a.zst"), "application/zstd");
}

}  // namespace
}  // namespace xbucket
