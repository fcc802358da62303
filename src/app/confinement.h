// SPDX-FileCopyrightText: the xbucket authors
// What a serving mount can still reach of this machine's files (Landlock), and what it keeps of
// root's rights (capabilities): who takes it over finds neither other people's files nor a way to
// more. For all threads and for ever. The keeper (keeper.h) is a process of its own and stays as it
// was.
#pragma once

#include "xbucket/base/result.h"

#include <string>
#include <vector>

namespace xbucket::app {

// Directories, each with everything below. Rules hold on to the directory, so that a file in it may
// be replaced, as programs that rotate logs and renew keys do. What does not exist is passed over.
struct ReachableFiles {
    std::vector<std::string> written;  // and read
    std::vector<std::string> read;     // beside those that every process here needs
};

// The directory that a file is in and, where the file is a symbolic link, the one that it leads to.
std::vector<std::string> directories_of(const std::string& file);

// Files: reading and writing anything else fails with EACCES; what is open stays open. Errors:
// unsupported (a kernel without Landlock, or with its first version, which cannot move files
// between directories), io.
Result<void> confine_files(const ReachableFiles& files);

// Rights: of root's only those to open files whatever their mode says stay, no new ones can be got
// by any program. Does nothing for other users but the last. Errors: io.
Result<void> drop_rights();

}  // namespace xbucket::app
