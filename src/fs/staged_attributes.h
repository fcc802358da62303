// SPDX-FileCopyrightText: the xbucket authors
// Attributes of a file that is not in the bucket yet. They ride along in its upload (DESIGN 3.8),
// are judged against the service's limits when they are set, and can be read back meanwhile.
#pragma once

#include "xbucket/meta/attributes.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket {

// Externally locked.
class StagedAttributes {
  public:
    // `model` must outlive it.
    StagedAttributes(const AttributeModel& model, const ObjectKey& key);

    // Errors: AttributeModel::apply()'s; nothing is changed then.
    Result<void> change(const AttrName& name, std::optional<std::string> value, SetFlag flag);
    Result<std::string> get(const AttrName& name) const;
    std::vector<std::string> list() const;
    // After a rename: what depends on the name is derived again.
    void set_key(const ObjectKey& key);

    // For MetaEngine::plan_upload(), POSIX state apart.
    const std::vector<AttrChange>& changes() const { return changes_; }
    // Names and values, for a recovery note.
    std::vector<std::pair<std::string, std::string>> named_values() const;

  private:
    void rebuild();

    const AttributeModel& model_;
    ObjectKey key_;
    std::vector<AttrChange> changes_;  // one a name, flags dropped: they were judged here
    ObjectInfo info_;                  // what HEAD would say after the upload
};

}  // namespace xbucket
