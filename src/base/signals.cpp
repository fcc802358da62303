// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/signals.h"

#include <pthread.h>

namespace xbucket {
namespace {

sigset_t all_but_sigsys() {
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGSYS);
    return set;
}

}  // namespace

void block_signals() {
    const sigset_t all = all_but_sigsys();
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

SignalsBlocked::SignalsBlocked() {
    const sigset_t all = all_but_sigsys();
    pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace xbucket
