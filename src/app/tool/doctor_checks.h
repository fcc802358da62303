// SPDX-FileCopyrightText: the xbucket authors
// What doctor looks at. Each check tells what it found through the sink and never fails itself.
#pragma once

#include "../bucket.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace xbucket::app {

struct Finding {
    enum class Level { good, note, bad };
    Level level = Level::good;
    std::string check;   // one word: "fuse", "clock", "copy"
    std::string what;    // what was found
    std::string remedy;  // what to do; "" where nothing is to be done
};
using FindingSink = std::function<void(const Finding&)>;

// FUSE and the spool directory.
void check_machine(const Config& config, const Environment& environment, const FindingSink& found);
// Where it is to be mounted.
void check_mountpoint(const std::string& path, const FindingSink& found);
// Settings, and where the key comes from. Nothing is asked of the service.
std::optional<std::unique_ptr<Bucket>> check_setup(const Config& config,
                                                   const Environment& environment,
                                                   const FindingSink& found);
enum class Reach { listed, not_listed, not_at_all };
// Endpoint, region, key, clock: a first LIST. After `not_at_all` nothing else can be tried.
Reach check_reach(Bucket& bucket, const FindingSink& found);
// HEAD, GET, tags and ACL of an object that is there, and versioning. Unless `read_only`, also PUT,
// copy (and whether its conditions are honoured), creation, multipart, ACL, tags and DELETE of an
// object that is made for it.
void check_objects(Bucket& bucket, Reach reach, bool read_only, const FindingSink& found);

}  // namespace xbucket::app
