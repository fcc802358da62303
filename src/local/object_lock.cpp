// SPDX-FileCopyrightText: the xbucket authors
// Legal hold and retention of objects, as far as a client can meet them: set and read here, judged
// by check_not_locked() wherever something would be replaced or removed.
#include "handlers.h"
#include "metadata.h"
#include "rewrite.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

Outcome<Reply> put_legal_hold(Site& site, Call& call) {
    const XmlDocument document = ASK(XmlDocument::parse(call.body.text, "LegalHold"));
    const std::string status = document.root().text("Status");
    if (status != "ON" && status != "OFF") return malformed_xml();
    ASK(rewrite(site, call.request, [&](ObjectRecord& r) -> Outcome<void> {
        r.attributes.set(AttributeKind::system, "lock-hold", status);
        return {};
    }));
    return Reply(200);
}

Outcome<Reply> get_legal_hold(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const Found found = ASK(find_object(site, *lease, call.request, Links::keep));
    const auto hold = found.record.attributes.get(AttributeKind::system, "lock-hold");
    XmlWriter xml("LegalHold");
    return Reply::xml(xml.element("Status", hold.empty() ? "OFF" : hold).finish());
}

Outcome<Reply> put_retention(Site& site, Call& call) {
    const XmlDocument document = ASK(XmlDocument::parse(call.body.text, "Retention"));
    const std::string mode = document.root().text("Mode");
    const std::string until = document.root().text("RetainUntilDate");
    if (mode.empty() || !parse_iso8601(until)) return malformed_xml();
    ASK(check_retention(until, site.now()));
    ASK(rewrite(site, call.request, [&](ObjectRecord& r) -> Outcome<void> {
        r.attributes.set(AttributeKind::system, "lock-mode", mode);
        r.attributes.set(AttributeKind::system, "lock-until", until);
        return {};
    }));
    return Reply(200);
}

Outcome<Reply> get_retention(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const Found found = ASK(find_object(site, *lease, call.request, Links::keep));
    const Attributes& a = found.record.attributes;
    if (!a.has(AttributeKind::system, "lock-until")) {
        return Refusal(404, "NoSuchObjectLockConfiguration",
                       "The specified object does not have a ObjectLock configuration");
    }
    XmlWriter xml("Retention");
    xml.element("Mode", a.get(AttributeKind::system, "lock-mode"));
    xml.element("RetainUntilDate", a.get(AttributeKind::system, "lock-until"));
    return Reply::xml(xml.finish());
}

}  // namespace xbucket::local
