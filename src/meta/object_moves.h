// SPDX-FileCopyrightText: the xbucket authors
// Uploads, renames and deletes are updates of metadata too (DESIGN 3.8, 3.9). Callers hold the turn
// of every key they name.
#pragma once

#include "meta_parts.h"
#include "updater.h"

namespace xbucket {

// Thread-safe for different keys; blocks on the network.
class ObjectMoves {
  public:
    ObjectMoves(MetaParts& parts, Updater& updater) : parts_(parts), updater_(updater) {}

    Result<UploadPlan> plan_upload(const ObjectKey& key, const Patch& staged,
                                   Journaled journaled = Journaled::goes_along);
    Result<void> recheck_upload(const ObjectKey& key, UploadPlan& plan);
    FinishedUpload finish_upload(const ObjectKey& key, const UploadPlan& plan,
                                 const PutReply& reply, uint64_t size);
    // Tries again what finish_upload() could not do. Errors: the store's.
    Result<void> finish_rest(const ObjectKey& key);
    Result<ObjectStat> rename(const ObjectKey& from, const ObjectKey& to, bool no_replace);
    Result<void> remove(const ObjectKey& key);

  private:
    Result<void> complete_set(const ObjectKey& key, const ObjectInfo& info,
                              ObjectAttributes& attributes);
    Result<void> complete_acl(const ObjectKey& key, ObjectAttributes& attributes);
    Result<void> complete_lock(const ObjectKey& key, const ObjectInfo& info,
                               ObjectAttributes& attributes);
    Result<void> complete_tags(const ObjectKey& key, const ObjectInfo& info,
                               ObjectAttributes& attributes);
    void carry_journaled(const ObjectKey& key, const ObjectInfo* base, UploadPlan& plan);
    // `base`: the object that is there, or null.
    void carry_posix(const ObjectKey& key, const ObjectInfo* base, const Patch& staged,
                     UploadPlan& plan);
    void settle_journaled(const ObjectKey& key, const UploadPlan& plan, const PutReply& reply,
                          uint64_t size);
    Result<void> note_late_sides(const ObjectKey& key, const ObjectInfo& info, UploadPlan& plan);
    // What others changed and could not be applied yet goes along.
    void carry_rest(const ObjectKey& key, const ObjectInfo& base, UploadPlan& plan);
    struct CarriedOut {
        Result<void> all;
        ETag edited;      // as ObjectStat's
        UploadRest left;  // to be tried again
    };
    CarriedOut carry_out(const ObjectKey& key, UploadRest rest, const ObjectInfo& info);
    void keep_rest(const ObjectKey& key, UploadRest rest);
    Result<void> apply_late_acl(const ObjectKey& key, const UploadPlan& plan);
    Result<void> apply_late_tags(const ObjectKey& key, const UploadPlan& plan);
    Result<ETag> apply_late_attributes(const ObjectKey& key, const UploadPlan& plan);
    Result<void> put_sides_back(const ObjectKey& key, const ObjectAttributes& sent,
                                const ObjectInfo& found);
    Result<void> put_lock_back(const ObjectKey& key, const ObjectAttributes& sent,
                               const ObjectInfo& found);
    Result<void> check_stored(const ObjectKey& key, const UploadPlan& plan, const ObjectInfo& info);

    MetaParts& parts_;
    Updater& updater_;
};

// What others changed between `base` and `late`, as a patch, where `ours` did not change the same.
// Recorded POSIX state is left out.
Patch patch_between(const MetaParts& parts, const ObjectAttributes& base,
                    const ObjectAttributes& late, const ObjectAttributes& ours);
// The same of mode and owner.
PosixRecord posix_between(const ObjectAttributes& base, const ObjectAttributes& late,
                          const ObjectAttributes& ours);
// `ours`, with what others made of `base` meanwhile where we left it as it was.
Tags merge_tags(const Tags& base, const Tags& late, Tags ours);

}  // namespace xbucket
