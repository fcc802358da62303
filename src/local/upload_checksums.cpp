// SPDX-FileCopyrightText: the xbucket authors
#include "upload_checksums.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::local {

namespace {

constexpr std::string_view kAsked = "upload-checksum";  // "crc32c whole", "sha256 parts"

Refusal invalid(std::string message) { return Refusal(400, "InvalidRequest", std::move(message)); }

bool is_crc(ChecksumKind kind) {
    return kind != ChecksumKind::sha1 && kind != ChecksumKind::sha256;
}

Outcome<void> check_given(const UploadChecksum& checksum, const WantedPart& part,
                          const std::string& found) {
    const auto given = part.checksums.find(checksum.kind);
    const std::string name(checksum_name(checksum.kind));
    if (given == part.checksums.end()) {
        if (checksum.whole) return {};
        return invalid(
            fmt::format("The upload was created using a {} checksum. The complete "
                        "request must include the checksum for each part. It was "
                        "missing for part {} in the request.",
                        name, part.number));
    }
    if (given->second == found) return {};
    return Refusal(400, "InvalidPart",
                   "One or more of the specified parts could not be found. The part's " + name +
                       " differs.")
        .detail("PartNumber", fmt::to_string(part.number));
}

}  // namespace

Outcome<void> take_upload_checksum(const Request& request, Attributes& into) {
    const std::string_view algorithm = request.ext("checksum-algorithm");
    if (request.oss() || algorithm.empty()) return {};
    const auto kind = checksum_kind(algorithm);
    if (!kind) return invalid("Checksum algorithm provided is unsupported.");
    const std::string_view type = request.ext("checksum-type");
    const bool whole =
        type.empty() ? *kind == ChecksumKind::crc64nvme : iequals(type, "FULL_OBJECT");
    const bool known = type.empty() || whole || iequals(type, "COMPOSITE");
    if (!known || (whole && !is_crc(*kind)) || (!whole && *kind == ChecksumKind::crc64nvme)) {
        return invalid(
            fmt::format("The {} checksum type cannot be used with the {} checksum "
                        "algorithm.",
                        type, checksum_name(*kind)));
    }
    into.set(AttributeKind::system, kAsked,
             fmt::format("{} {}", checksum_name(*kind), whole ? "whole" : "parts"));
    return {};
}

std::optional<UploadChecksum> upload_checksum(const Attributes& upload) {
    const std::string_view text = upload.get(AttributeKind::system, kAsked);
    const size_t blank = text.find(' ');
    const auto kind = checksum_kind(text.substr(0, blank));
    if (!kind) return std::nullopt;
    return UploadChecksum{*kind, text.ends_with(" whole")};
}

void forget_upload_checksum(Attributes& upload) { upload.remove(AttributeKind::system, kAsked); }

Outcome<Attributes> checksum_of_parts(Site& site, const Request& request,
                                      const UploadChecksum& checksum,
                                      const std::vector<Part>& parts,
                                      const std::vector<WantedPart>& wanted) {
    RunningChecksum all(checksum.kind);
    for (size_t i = 0; i < parts.size(); ++i) {
        RunningChecksum one(checksum.kind);
        ASK(site.blobs.read(request.bucket, parts[i].segments, 0, parts[i].size,
                            [&](std::string_view bytes) -> Result<void> {
                                one.update(bytes);
                                if (checksum.whole) all.update(bytes);
                                return {};
                            }));
        const std::string raw = one.finish();
        if (!checksum.whole) all.update(raw);
        ASK(check_given(checksum, wanted[i], base64_encode(raw)));
    }
    const std::string name = "checksum-" + std::string(checksum_name(checksum.kind));
    std::string value = base64_encode(all.finish());
    if (!checksum.whole) value += fmt::format("-{}", parts.size());
    const std::string type = checksum.whole ? "FULL_OBJECT" : "COMPOSITE";
    const std::string_view value_said = request.ext(name);
    const std::string_view type_said = request.ext("checksum-type");
    if ((!value_said.empty() && value_said != value) ||
        (!type_said.empty() && !iequals(type_said, type))) {
        return Refusal(400, "BadDigest",
                       "The checksum of the object you specified did not match the calculated "
                       "checksum.");
    }
    Attributes stored;
    stored.set(AttributeKind::system, name, std::move(value));
    stored.set(AttributeKind::system, "checksum-type", type);
    return stored;
}

}  // namespace xbucket::local
