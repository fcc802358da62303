// SPDX-FileCopyrightText: the xbucket authors
// Metadata between requests, records and replies: what a PUT, copy or initiate may set, with the
// services' limits and name rules (protocol.md 4), and what HEAD and GET say (2.1, 2.2).
#pragma once

#include "object_db.h"
#include "reply.h"

#include <string>

namespace xbucket::local {

struct NewMetadata {
    Attributes attributes;
    std::string storage_class;  // stored spelling
    std::string acl;
    std::string tags;  // "" = none given
};

// All that `request` sets. Refusals: MetadataTooLarge, InvalidArgument (name, value, class, ACL,
// retention that has run out),
// SignatureDoesNotMatch (OSS names with '_': the header is dropped before verification, 4.3),
// InvalidTag.
Outcome<NewMetadata> metadata_from(const Request& request, int64_t now);
// S3 takes only a retention that is still to end.
Outcome<void> check_retention(std::string_view until, int64_t now);
void apply(NewMetadata metadata, ObjectRecord& record);

// "a=1&b=2" of a header, checked against the limits of protocol.md 4.5 and brought to one form.
Outcome<std::string> tags_from_header(std::string_view text, Dialect dialect);
// The same from decoded pairs (XML).
Outcome<std::string> tags_from_pairs(const QueryParameters& pairs);
QueryParameters tags_to_pairs(std::string_view stored);

// The size and syntax of a key (protocol.md 4.6).
Outcome<void> check_key(const Request& request, std::string_view key);

// What the service derives when an upload has no Content-Type (protocol.md 4.8).
std::string default_content_type(std::string_view key, Dialect dialect);

// All headers that HEAD and GET say of `record`, Content-Length apart. `link` is the symlink
// through which it was reached: then metadata is the link's (protocol.md 2.1).
void add_object_headers(Reply& reply, const Request& request, const BucketState& bucket,
                        const ObjectRecord& record, const ObjectRecord* link, int64_t now);
// SSE headers of a write's reply.
void add_sse_headers(Reply& reply, const Request& request, const Attributes& attributes);

}  // namespace xbucket::local
