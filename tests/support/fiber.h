// SPDX-FileCopyrightText: the xbucket authors
// Blocking code run in turns on one thread: what lets a test decide, request by request, which of
// several clients goes on. A fiber must not block in any other way than yield(), and must have
// ended before it is destroyed or started again.
#pragma once

#include <functional>
#include <memory>

namespace xbucket::testing {

// Confined to one thread, as everything that runs in it.
class Fiber {
  public:
    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // The body runs at the first resume(). The stack (256 KiB) is used again.
    void start(std::function<void()> body);
    // Runs until the body yields or ends; called from outside any fiber.
    void resume();
    bool ended() const;

    // From within a fiber: back to whoever resumed it.
    static void yield();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace xbucket::testing
