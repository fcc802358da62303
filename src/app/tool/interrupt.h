// SPDX-FileCopyrightText: the xbucket authors
// Ctrl-C in a command: the first time no new work begins and what is under way is finished, the
// second time the process ends.
#pragma once

namespace xbucket::app {

// Call once, before any thread. Also ignores SIGPIPE: a closed output shows as a failed write.
void watch_interrupts();
// Also where standard output is closed or full: what is printed then is lost.
bool interrupted();

}  // namespace xbucket::app
