// SPDX-FileCopyrightText: the xbucket authors
#include "restored.h"

#include <fmt/format.h>

namespace xbucket {

bool would_archive_again(const ObjectInfo& base, std::string_view wanted_class) {
    // What HEAD tells of a link is its target's class.
    return base.type != ObjectType::symlink && !base.restore.empty() &&
           is_archived_class(base.attributes.storage_class) &&
           wanted_class == base.attributes.storage_class;
}

bool keeps_restored(const StoreTraits& traits, const ObjectInfo& base) {
    return traits.copy_keeps_restored && base.version_id.empty();
}

Error archives_again(std::string_view what, const StoreTraits& traits) {
    return fail(ErrorKind::archived,
                fmt::format("the object is restored from the archive only as it is: {} would store "
                            "it anew, archived and not to be read until it is restored again. Set "
                            "user.object.storage-class first, to {} for instance",
                            what, traits.default_storage_class));
}

}  // namespace xbucket
