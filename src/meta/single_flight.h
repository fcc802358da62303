// SPDX-FileCopyrightText: the xbucket authors
// One request under way per key, shared by all who need its answer. Somebody who has to see a
// change of this mount does not share a request that was begun before it.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"

#include <memory>
#include <optional>
#include <unordered_map>

namespace xbucket {

// Thread-safe.
template <class T>
class SingleFlight {
  public:
    class Flight {
        friend class SingleFlight;
        explicit Flight(uint64_t begun_at) : epoch(begun_at) {}
        const uint64_t epoch;
        std::optional<Result<T>> answer;
        CondVar landed;
    };
    using FlightPtr = std::shared_ptr<Flight>;  // by the table and by all who wait

    // Whoever `leads` makes the request and lands the flight; the others wait.
    struct Boarding {
        FlightPtr flight;
        bool leads = false;
    };
    // `epoch` is the cache's for the key now; `overtaken(epoch)` says whether this mount changed
    // the key since that one.
    template <class Overtaken>
    Boarding board(const ObjectKey& key, uint64_t epoch, Overtaken overtaken) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        FlightPtr& slot = flights_[key];
        const bool leads = slot == nullptr || overtaken(slot->epoch);
        if (leads) slot = FlightPtr(new Flight(epoch));
        return {slot, leads};
    }
    Result<T> wait(const FlightPtr& flight) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        while (!flight->answer) flight->landed.wait(mutex_);
        return *flight->answer;
    }
    void land(const ObjectKey& key, const FlightPtr& flight, Result<T> answer) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        flight->answer.emplace(std::move(answer));
        const auto found = flights_.find(key);
        if (found != flights_.end() && found->second == flight) flights_.erase(found);
        flight->landed.notify_all();
    }

  private:
    Mutex mutex_;
    std::unordered_map<ObjectKey, FlightPtr> flights_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
