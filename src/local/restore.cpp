// SPDX-FileCopyrightText: the xbucket authors
// RestoreObject of archived classes: 202 at first, 409 while it runs, 200 (and longer life) once it
// is done; how long it takes is the server's setting (protocol.md 7).
#include "handlers.h"
#include "rewrite.h"
#include "xml_reader.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

namespace {

constexpr int64_t kDay = 86'400;

Outcome<int> days_of(const std::string& body) {
    if (trim_ows(body).empty()) return 1;
    const XmlDocument document = ASK(XmlDocument::parse(body, "RestoreRequest"));
    const std::string text = document.root().text("Days");
    if (text.empty()) return 1;
    const auto days = parse_u64(trim_ows(text));
    if (!days || *days < 1 || *days > 365) {
        return invalid_argument("Days must be between 1 and 365.", "Days", text);
    }
    return static_cast<int>(*days);
}

}  // namespace

Outcome<Reply> restore_object(Site& site, Call& call) {
    const Request& request = call.request;
    const int days = ASK(days_of(call.body.text));
    bool first = false;
    const int64_t now = site.now();
    const Found found = ASK(rewrite(site, request, [&](ObjectRecord& r) -> Outcome<void> {
        if (!is_archived(r.storage_class)) {
            if (request.oss()) {
                return Refusal(400, "OperationNotSupported",
                               "The operation is not supported for this resource: the object is "
                               "not archived.",
                               "0016-00000302");
            }
            return Refusal(403, "InvalidObjectState",
                           "Restore is not allowed for the object's current storage class");
        }
        const bool asked = r.restore_ready != 0 && now < r.restore_until;
        if (asked && now < r.restore_ready) {
            return Refusal(409, "RestoreAlreadyInProgress", "The restore operation is in progress.",
                           "0016-00000303");
        }
        first = !asked;
        if (first) r.restore_ready = now + site.config.restore_takes.count();
        r.restore_days = days;
        r.restore_until = std::max(now, r.restore_ready) + days * kDay;
        return {};
    }));
    Reply reply(first ? 202 : 200);
    if (request.oss()) reply.add("x-oss-object-restore-priority", "Standard");
    add_version(reply, request, found);
    return reply;
}

Outcome<Reply> clean_restored(Site& site, Call& call) {
    const int64_t now = site.now();
    ASK(rewrite(site, call.request, [&](ObjectRecord& r) -> Outcome<void> {
        if (r.restore_ready == 0 || now >= r.restore_until) {
            return Refusal(409, "ArchiveRestoreFileStale", "The object is not restored.");
        }
        if (now < r.restore_ready) {
            return Refusal(409, "ArchiveRestoreNotFinished", "The restore has not finished.");
        }
        r.restore_ready = 0;
        r.restore_until = 0;
        return {};
    }));
    return Reply(200);
}

}  // namespace xbucket::local
