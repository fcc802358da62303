// SPDX-FileCopyrightText: the xbucket authors
// The attribute model of DESIGN 2: which extended attribute stands for what of an object. Pure and
// thread-safe: no requests here. Names are xattr names as the kernel gives them ("user.year").
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/meta/posix_record.h"
#include "xbucket/store/object_types.h"

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// What a name stands for.
enum class AttrKind {
    user_metadata,  // user.NAME, user.meta.NAME
    http_field,     // user.http.*, user.mime_type
    tag,            // user.tag.KEY
    object_fact,    // user.object.etag and the other read-only facts
    storage_class,  // user.object.storage-class
    acl,            // user.object.acl
    restore,        // user.object.restore
    url,            // user.object.url[.SECONDS]
    versions,       // user.object.versions
    control,        // user.xbucket.headers, .refresh, .stats, .failures
    foreign,        // any name outside user.: answered locally, never a request
};

struct AttrName {
    AttrKind kind = AttrKind::foreign;
    std::string full;  // the xattr name as given
    std::string bare;  // attribute name bytes before encoding, tag key, fact, control word
    HttpField field = HttpField::content_type;  // http_field only
    unsigned url_seconds = 3600;                // url only

    // Errors: invalid_name ("user." alone, an unknown word behind user.http. or user.xbucket.).
    static Result<AttrName> parse(std::string_view xattr_name);
};

enum class SetFlag { any, create_only, replace_only };  // 0, XATTR_CREATE, XATTR_REPLACE

struct AttrChange {
    AttrName name;
    std::optional<std::string> value;  // nullopt removes
    SetFlag flag = SetFlag::any;
    // Set: the change is made only where this is the value (inner nullopt: where there is none),
    // and is skipped, with success, elsewhere.
    std::optional<std::optional<std::string>> instead_of = std::nullopt;
};

// All that one update changes; patches of several callers merge into one (DESIGN 3.5).
struct Patch {
    std::vector<AttrChange> changes;
    PosixRecord posix;
    bool empty() const { return changes.empty() && posix.empty(); }
};

struct ListOptions {
    bool all = false;  // -o list=all: user.object.* too
};

// The rules of one mount: dialect limits and alphabet, and the type table for defaults.
class AttributeModel {
  public:
    explicit AttributeModel(const StoreTraits& traits);

    // Names to list, each found by get() (DESIGN 2, programs.md rule 12). `key` gives the default
    // content type. A content type that differs from it is listed as user.mime_type, the name that
    // desktops and curl use, so that copies to and from other file systems settle. Tags are listed
    // from `tags` when known.
    std::vector<std::string> list(const ObjectKey& key, const ObjectInfo& info,
                                  const std::optional<Tags>& tags,
                                  const ListOptions& options) const;
    // Value of a user_metadata, http_field, object_fact or storage_class attribute.
    // Errors: no_such_attribute.
    Result<std::string> get(const ObjectKey& key, const ObjectInfo& info,
                            const AttrName& name) const;

    // Applies one change to the complete set, judging flags against `attributes` as it is, and
    // the limits on the result. Handles user_metadata, http_field, tag (attributes.tags must be
    // set) and storage_class; others are not_permitted here. On error nothing is changed.
    // Errors: already_exists, no_such_attribute, invalid_name, invalid_argument, value_too_large
    // (can never fit), no_attribute_space (the total would not), not_permitted (read-only),
    // unsupported (foreign).
    Result<void> apply(const ObjectKey& key, const AttrChange& change,
                       ObjectAttributes& attributes) const;
    // Writes the record; where the limit forbids, POSIX keys yield and false comes back.
    bool apply_posix(const PosixRecord& record, ObjectAttributes& attributes) const;

    // Bytes that count against the service's limit.
    uint64_t metadata_bytes(const ObjectAttributes& attributes) const;

    // The type that an object of this key gets when nobody says one; from xbucket's own table.
    // Keys ending in '/' are application/x-directory.
    static std::string default_content_type(const ObjectKey& key);
    // Every user.object.NAME that can be read of an object by a HEAD, whether it has it or not.
    static std::vector<std::string> fact_names();

    // Name and value codecs (exposed for tests and tools); bijective.
    std::string encode_name(std::string_view attribute_name) const;
    std::string decode_name(std::string_view metadata_name) const;
    std::string encode_value(std::string_view value) const;
    std::string decode_value(std::string_view header_value) const;

  private:
    Result<void> apply_user(const AttrChange& change, ObjectAttributes& attributes) const;
    Result<void> apply_field(const ObjectKey& key, const AttrChange& change,
                             ObjectAttributes& attributes) const;
    Result<void> apply_tag(const AttrChange& change, ObjectAttributes& attributes) const;
    Result<void> apply_class(const AttrChange& change, ObjectAttributes& attributes) const;
    Result<void> make_room(ObjectAttributes& attributes) const;

    const StoreTraits traits_;
    const std::bitset<256> raw_;  // characters that stand raw in names
};

}  // namespace xbucket
