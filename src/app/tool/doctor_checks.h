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
// Settings, and where the key comes from. Nothing is asked of the service.
std::optional<std::unique_ptr<Bucket>> check_setup(const Config& config,
                                                   const Environment& environment,
                                                   const FindingSink& found);
// Endpoint, region, key, clock: a first LIST. False: nothing else can be tried.
bool check_reach(Bucket& bucket, const FindingSink& found);
// HEAD and GET of an object that is there, tags and ACL of it, versioning.
void check_reading(Bucket& bucket, const FindingSink& found);
// PUT, copy (and whether its conditions are honoured), ACL, tags and DELETE of an object that is
// made for it.
void check_writing(Bucket& bucket, const FindingSink& found);

}  // namespace xbucket::app
