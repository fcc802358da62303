// SPDX-FileCopyrightText: the xbucket authors
// What all handlers share, and the shape of a handler: a function from a verified request with its
// body to a reply. Handlers are stateless; all state is in the database and the blob store.
#pragma once

#include "auth.h"
#include "blobs.h"
#include "key_ring.h"
#include "object_db.h"
#include "reply.h"
#include "request.h"

#include "xbucket/base/clock.h"
#include "xbucket/local/server.h"

#include <memory>
#include <string>

namespace xbucket::local {

class Importer;

// Thread-safe: what it refers to is.
struct Site {
    const ServerConfig& config;
    const Clock& clock;
    BlobStore& blobs;
    ObjectDb& db;
    Importer& importer;
    KeyRing& keys;

    int64_t now() const { return clock.wall_now().seconds(); }
};

// A request's body, complete and checked against what the request said of it.
struct Body {
    std::unique_ptr<Incoming> file;  // object data
    std::string text;                // XML
    Attributes checksums;            // "checksum-*" of kind system, to be stored (S3)
};

// Scripted misbehaviour that a handler itself must play (faults.h).
struct Misbehaviour {
    bool ignore_conditions = false;
    bool lose_tags = false;
};

struct Call {
    Request& request;
    Body& body;
    Misbehaviour misbehaviour;
};

using Handler = Outcome<Reply> (*)(Site&, Call&);

}  // namespace xbucket::local
