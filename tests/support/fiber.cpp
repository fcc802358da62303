// SPDX-FileCopyrightText: the xbucket authors
// Over ucontext. The sanitizers are told of every switch, or they would take another fiber's stack
// for a corrupted one.
#include "support/fiber.h"

#include "xbucket/base/result.h"

#include <cstddef>
#include <cstdint>
#include <ucontext.h>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define XB_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define XB_FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define XB_FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define XB_FIBER_TSAN 1
#endif
#endif

#if defined(XB_FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(XB_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace xbucket::testing {

namespace {
constexpr size_t kStackBytes = 256U << 10;
}  // namespace

struct Fiber::State {
    std::vector<std::byte> stack = std::vector<std::byte>(kStackBytes);
    std::function<void()> body;
    ucontext_t inside{};
    ucontext_t outside{};
    bool started = false;
    bool ended = true;
#if defined(XB_FIBER_ASAN)
    void* inside_fake = nullptr;
    void* outside_fake = nullptr;
    const void* outside_stack = nullptr;
    size_t outside_bytes = 0;
#endif
#if defined(XB_FIBER_TSAN)
    void* inside_tsan = nullptr;
    void* outside_tsan = nullptr;
#endif

    void enter();
    void leave();
    void arrived_inside();
    static void run();
};

namespace {
// The one that runs now; null outside. The thread's own, like the fibers.
thread_local void* running = nullptr;
}  // namespace

void Fiber::State::enter() {
    void* const before = running;
    CHECK(before == nullptr);
    running = this;
#if defined(XB_FIBER_ASAN)
    __sanitizer_start_switch_fiber(&outside_fake, stack.data(), stack.size());
#endif
#if defined(XB_FIBER_TSAN)
    outside_tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(inside_tsan, 0);
#endif
    CHECK(swapcontext(&outside, &inside) == 0);
#if defined(XB_FIBER_ASAN)
    __sanitizer_finish_switch_fiber(outside_fake, nullptr, nullptr);
#endif
    running = nullptr;
}

void Fiber::State::leave() {
#if defined(XB_FIBER_ASAN)
    // Null at the end: what the sanitizer keeps for this stack is let go.
    __sanitizer_start_switch_fiber(ended ? nullptr : &inside_fake, outside_stack, outside_bytes);
#endif
#if defined(XB_FIBER_TSAN)
    __tsan_switch_to_fiber(outside_tsan, 0);
#endif
    CHECK(swapcontext(&inside, &outside) == 0);
    arrived_inside();
}

void Fiber::State::arrived_inside() {
#if defined(XB_FIBER_ASAN)
    __sanitizer_finish_switch_fiber(inside_fake, &outside_stack, &outside_bytes);
#endif
}

void Fiber::State::run() {
    auto* state = static_cast<State*>(running);
    state->arrived_inside();
    state->body();
    state->body = nullptr;
    state->ended = true;
    state->leave();
}

Fiber::Fiber() : state_(std::make_unique<State>()) {}

Fiber::~Fiber() {
    CHECK(state_->ended);
#if defined(XB_FIBER_TSAN)
    if (state_->inside_tsan != nullptr) __tsan_destroy_fiber(state_->inside_tsan);
#endif
}

void Fiber::start(std::function<void()> body) {
    State& state = *state_;
    CHECK(state.ended);
    state.body = std::move(body);
    state.ended = false;
    CHECK(getcontext(&state.inside) == 0);
    state.inside.uc_stack.ss_sp = state.stack.data();
    state.inside.uc_stack.ss_size = state.stack.size();
    state.inside.uc_link = nullptr;
    makecontext(&state.inside, &State::run, 0);
#if defined(XB_FIBER_ASAN)
    state.inside_fake = nullptr;
    __asan_unpoison_memory_region(state.stack.data(), state.stack.size());
#endif
#if defined(XB_FIBER_TSAN)
    if (state.inside_tsan != nullptr) __tsan_destroy_fiber(state.inside_tsan);
    state.inside_tsan = __tsan_create_fiber(0);
#endif
}

void Fiber::resume() {
    CHECK(!state_->ended);
    state_->enter();
}

bool Fiber::ended() const { return state_->ended; }

void Fiber::yield() {
    CHECK(running != nullptr);
    static_cast<State*>(running)->leave();
}

}  // namespace xbucket::testing
