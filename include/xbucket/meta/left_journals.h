// SPDX-FileCopyrightText: the xbucket authors
// What mounts that are no more have left to be sent, for whoever looks after them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xbucket {

struct LeftJournal {
    std::string file;
    std::string source;      // MetaConfig::journal_source; "" = an earlier version did not note it
    uint64_t changes = 0;    // acknowledged, and to be sent by the next mount of the source
    uint64_t failures = 0;   // that could not be sent
    std::string unreadable;  // why nothing is known of the others; else ""
};

// Journals in `directory` and the directories in it (see MetaConfig::journal_directory) that no
// mount holds and that have anything in them, by name. Changes nothing; a mount that starts
// meanwhile takes them over.
std::vector<LeftJournal> left_journals(const std::string& directory);

}  // namespace xbucket
