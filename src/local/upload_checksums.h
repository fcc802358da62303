// SPDX-FileCopyrightText: the xbucket authors
// The checksum of an object that is made of parts (S3): asked for when its upload begins, told for
// each part, and of the whole either the bytes' own (FULL_OBJECT, CRCs only) or one that is made of
// the parts' (COMPOSITE).
#pragma once

#include "checksums.h"
#include "site.h"
#include "uploads.h"

#include <map>
#include <string>
#include <vector>

namespace xbucket::local {

struct UploadChecksum {
    ChecksumKind kind = ChecksumKind::crc32;
    bool whole = false;
};

// From the request that begins an upload, kept among its attributes. Refusal: InvalidRequest for
// what S3 cannot make.
Outcome<void> take_upload_checksum(const Request& request, Attributes& into);
// nullopt: none was asked for.
std::optional<UploadChecksum> upload_checksum(const Attributes& upload);
// The object has no such attribute.
void forget_upload_checksum(Attributes& upload);

// A part as the list that completes an upload names it.
struct WantedPart {
    unsigned number = 0;
    std::string etag;
    std::map<ChecksumKind, std::string> checksums;
};

// Reads the parts, checks them and the request's own word against what is read, and gives what is
// to be stored with the object. Refusals: InvalidRequest (a composite one needs every part's),
// InvalidPart, BadDigest.
Outcome<Attributes> checksum_of_parts(Site& site, const Request& request,
                                      const UploadChecksum& checksum,
                                      const std::vector<Part>& parts,
                                      const std::vector<WantedPart>& wanted);

}  // namespace xbucket::local
