// SPDX-FileCopyrightText: the xbucket authors
#include "staged_attributes.h"

#include <algorithm>

namespace xbucket {
namespace {

// One attribute may have two names (user.mime_type and user.http.content-type).
bool same_attribute(const AttrName& a, const AttrName& b) {
    if (a.kind != b.kind) return false;
    return a.kind == AttrKind::http_field ? a.field == b.field : a.bare == b.bare;
}

}  // namespace

StagedAttributes::StagedAttributes(const AttributeModel& model, const ObjectKey& key)
    : model_(model), key_(key) {
    rebuild();
}

Result<void> StagedAttributes::change(const AttrName& name, std::optional<std::string> value,
                                      SetFlag flag) {
    AttrChange change{name, std::move(value), flag};
    TRY(model_.apply(key_, change, info_.attributes));
    change.flag = SetFlag::any;
    std::erase_if(changes_, [&](const AttrChange& c) { return same_attribute(c.name, name); });
    // Nothing to remove from a file that is not there yet: it is enough not to set it.
    if (change.value) changes_.push_back(std::move(change));
    return {};
}

Result<std::string> StagedAttributes::get(const AttrName& name) const {
    switch (name.kind) {
        case AttrKind::user_metadata:
        case AttrKind::http_field:
        case AttrKind::storage_class:
            return model_.get(key_, info_, name);
        case AttrKind::tag: {
            const auto tag = info_.attributes.tags->find(name.bare);
            if (tag != info_.attributes.tags->end()) return tag->second;
            break;
        }
        case AttrKind::object_fact:
        case AttrKind::acl:
        case AttrKind::restore:
        case AttrKind::url:
        case AttrKind::versions:
        case AttrKind::control:
        case AttrKind::foreign:
            break;
    }
    return fail(ErrorKind::no_such_attribute, "the file is not in the bucket yet");
}

std::vector<std::string> StagedAttributes::list() const {
    return model_.list(key_, info_, info_.attributes.tags, ListOptions{});
}

void StagedAttributes::set_key(const ObjectKey& key) {
    key_ = key;
    rebuild();
}

std::vector<std::pair<std::string, std::string>> StagedAttributes::named_values() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const AttrChange& change : changes_) {
        if (change.value) out.emplace_back(change.name.full, *change.value);
    }
    return out;
}

void StagedAttributes::rebuild() {
    info_ = ObjectInfo{};
    info_.attributes[HttpField::content_type] = AttributeModel::default_content_type(key_);
    info_.attributes.tags = Tags{};
    for (const AttrChange& change : changes_) {
        // They fitted before, and nothing that counts against the limit depends on the key but
        // the default content type.
        (void)model_.apply(key_, change, info_.attributes);
    }
}

}  // namespace xbucket
