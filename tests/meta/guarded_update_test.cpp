// SPDX-FileCopyrightText: the xbucket authors
// The state machine of one update, told its replies one by one: what it asks for at the same time,
// and of which object it takes the replies to be.
#include "guarded_update.h"

#include "own_results.h"
#include "support/memory_bucket.h"

#include <gtest/gtest.h>

namespace xbucket::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace update_step;

StoreTraits unknown_service() {
    StoreTraits traits = MemoryService::s3().traits;
    traits.copy_conditions_known = false;
    traits.destination_conditions = false;
    return traits;
}

class GuardedUpdates : public ::testing::Test {
  protected:
    explicit GuardedUpdates(StoreTraits service = MemoryService::oss().traits)
        : traits(std::move(service)), model(traits), facts(traits) {
        policy.verify = VerifyPolicy::never;
    }

    // An object that was changed `age` before it is read.
    HeadReply object(Duration age = seconds(100), const std::string& year = "2020") const {
        HeadReply reply;
        reply.info.etag = ETag("e");
        reply.info.last_modified = at - age;
        reply.info.date = at;
        reply.info.attributes.user = {{"year", year}};
        return reply;
    }
    static FacetReplies replies(std::optional<HeadReply> head, const std::string& acl = "default") {
        FacetReplies replies;
        if (head) replies.head = *std::move(head);
        replies.acl = acl;
        replies.tags = Tags{{"k", "v"}};
        return replies;
    }

    void begin(const std::string& year = "2021", std::optional<UpdateBase> own = std::nullopt) {
        UpdateWork work;
        work.own = std::move(own);
        work.key = ObjectKey("object");
        work.patches.push_back({{AttrChange{AttrName::parse("user.year").value(), year}}});
        update.emplace(model, traits, facts, policy, std::move(work), 1);
        step = update->start(now);
    }
    void answer(FacetReplies replies, Duration after = milliseconds(20)) {
        const TimePoint begun = now;
        now = now + after;
        step = update->on_read(std::move(replies), begun, now);
    }
    void answer_copy() {
        CopyReply reply;
        reply.etag = ETag("e");
        reply.last_modified = reply.date = at;
        step = update->on_copied(std::move(reply), now, now + milliseconds(20));
    }
    // "head acl", "copy", ...
    std::string asked() const {
        if (const auto* read = std::get_if<Read>(&step)) {
            std::string what;
            if (read->facets.head) what += " head";
            if (read->facets.acl) what += " acl";
            if (read->facets.tags) what += " tags";
            return what;
        }
        if (std::holds_alternative<Copy>(step)) return " copy";
        if (std::holds_alternative<Wait>(step)) return " wait";
        return std::holds_alternative<Done>(step) ? " done" : " other";
    }
    const ObjectAttributes& sent() const { return *std::get<Copy>(step).request.replace; }
    // One update that makes a copy, so that the next one expects another.
    void copy_one() {
        begin();
        answer(replies(object()));
        if (asked() != " copy") answer(replies({}));
        ASSERT_EQ(asked(), " copy");
        answer_copy();
        ASSERT_EQ(asked(), " done");
    }

    const StoreTraits traits;
    const AttributeModel model;
    ServiceFacts facts;
    UpdatePolicy policy;
    const WallTime at = WallTime::from_seconds(1'700'000'000);
    TimePoint now;
    std::optional<GuardedUpdate> update;
    UpdateStep step;
};

TEST_F(GuardedUpdates, the_acl_is_asked_for_beside_the_head_once_a_copy_is_to_be_expected) {
    begin();
    EXPECT_EQ(asked(), " head") << "the first change may be none";
    answer({.head = object()});
    EXPECT_EQ(asked(), " acl");
    answer({.acl = "private"});
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().acl, "private");
    answer_copy();

    begin();
    EXPECT_EQ(asked(), " head acl");
    answer(replies(object(), "public-read"));
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().acl, "public-read");
}

TEST_F(GuardedUpdates, a_change_that_needs_no_copy_asks_for_nothing_beside_the_next_head) {
    copy_one();
    begin("2020");
    answer(replies(object()));
    EXPECT_EQ(asked(), " done");
    begin();
    EXPECT_EQ(asked(), " head");
}

// It may be the ACL of what stood there before.
TEST_F(GuardedUpdates, an_acl_read_beside_a_head_that_shows_a_young_object_is_read_again) {
    copy_one();
    begin();
    answer(replies(object(seconds(2)), "public-read"));
    EXPECT_EQ(asked(), " acl") << "settled, yet not by as much as the request may take";
    answer({.acl = "private"});
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().acl, "private");
    answer_copy();
    begin();
    EXPECT_EQ(asked(), " head") << "among young objects it is of no use";
}

TEST_F(GuardedUpdates, an_acl_read_beside_a_head_that_took_over_a_second_is_read_again) {
    copy_one();
    begin();
    answer(replies(object(), "public-read"), milliseconds(1100));
    EXPECT_EQ(asked(), " acl");
}

TEST_F(GuardedUpdates, a_service_that_is_slow_throughout_is_asked_twice_at_most) {
    begin();
    answer({.head = object()}, milliseconds(1500));
    EXPECT_EQ(asked(), " acl");
    answer({.acl = "private"}, milliseconds(1500));
    EXPECT_EQ(asked(), " head");
    answer({.head = object()}, milliseconds(1500));
    EXPECT_EQ(asked(), " acl");
    answer({.acl = "private"}, milliseconds(1500));
    EXPECT_EQ(asked(), " copy");
}

TEST_F(GuardedUpdates, the_acl_of_an_object_that_was_replaced_is_read_again) {
    begin();
    answer({.head = object()});
    answer({.acl = "public-read"});
    ASSERT_EQ(asked(), " copy");
    step = update->on_copied(fail(ErrorKind::precondition_failed, "412"), now, now);
    ASSERT_EQ(asked(), " wait");
    step = update->on_waited(now);
    ASSERT_EQ(asked(), " head");
    answer({.head = object(seconds(50))});
    EXPECT_EQ(asked(), " acl");
    answer({.acl = "private"});
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().acl, "private");
}

// A request that is repeated on its way answers its own success with 412.
// What was copied in parts is the base's content, with what came in between below it.
class CopiedInParts : public GuardedUpdates {
  protected:
    void SetUp() override {
        begin();
        base.info.size = 4;
        base.info.version_id = VersionId("base");
        answer({.head = base});
        answer({.acl = "default"});
        ASSERT_EQ(asked(), " copy");
        CopyReply reply;
        reply.etag = ETag("parts-1");
        reply.source_etag = ETag("e");
        reply.version_id = VersionId("ours");
        reply.source_version_id = VersionId("theirs");
        reply.last_modified = reply.date = at;
        step = update->on_copied(std::move(reply), now, now + milliseconds(20));
        const auto* version = std::get_if<ReadVersion>(&step);
        ASSERT_NE(version, nullptr);
        EXPECT_EQ(version->version.str(), "theirs");
        theirs.etag = ETag("parts-1");
        theirs.version_id = version->version;
        theirs.attributes.user = {{"year", "2020"}, {"theirs", "1"}};
    }
    HeadReply base = object();
    ObjectInfo theirs;
};

TEST_F(CopiedInParts, an_edit_that_came_in_between_is_merged_and_the_content_stays_known) {
    theirs.size = 4;
    step = update->on_version(theirs, now);
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().user, (UserMetadata{{"year", "2021"}, {"theirs", "1"}}));
    CopyReply reply;
    reply.etag = ETag("parts-2");
    reply.source_etag = ETag("parts-1");
    reply.version_id = VersionId("merged");
    reply.source_version_id = VersionId("ours");
    reply.last_modified = reply.date = at;
    step = update->on_copied(std::move(reply), now, now + milliseconds(20));
    ASSERT_EQ(asked(), " done");
    EXPECT_EQ(update->outcome().errors.front(), std::nullopt);
    EXPECT_EQ(update->outcome().edited.str(), "e");
}

TEST_F(CopiedInParts, content_that_came_in_between_is_told_with_its_version) {
    theirs.size = 5;
    step = update->on_version(theirs, now);
    ASSERT_EQ(asked(), " done");
    const auto& error = update->outcome().errors.front();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::conflict);
    EXPECT_TRUE(error->outcome_unknown);
    EXPECT_NE(error->message.find("theirs"), std::string::npos);
    EXPECT_EQ(facts.counters.replaced.load(), 1U);
}

TEST_F(GuardedUpdates, a_refusal_behind_which_some_of_ours_is_found_leaves_the_outcome_open) {
    UpdateWork work;
    work.key = ObjectKey("object");
    work.patches.push_back({{AttrChange{AttrName::parse("user.year").value(), "2021"},
                             AttrChange{AttrName::parse("user.people").value(), "evan"}}});
    update.emplace(model, traits, facts, policy, std::move(work), 1);
    step = update->start(now);
    answer({.head = object()});
    answer({.acl = "private"});
    ASSERT_EQ(asked(), " copy");
    step = update->on_copied(fail(ErrorKind::precondition_failed, "412"), now, now);
    step = update->on_waited(now);
    HeadReply found = object(seconds(50), "2022");  // others came on top of ours
    found.info.attributes.user["people"] = "evan";
    answer({.head = found});
    ASSERT_EQ(asked(), " acl");
    answer({.acl = fail(ErrorKind::throttled, "503")});
    ASSERT_EQ(asked(), " done");
    const auto& error = update->outcome().errors.front();
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->outcome_unknown);
}

TEST_F(GuardedUpdates, a_refusal_behind_which_nothing_of_ours_is_found_is_a_plain_failure) {
    begin();
    answer({.head = object()});
    answer({.acl = "private"});
    step = update->on_copied(fail(ErrorKind::precondition_failed, "412"), now, now);
    step = update->on_waited(now);
    answer({.head = object(seconds(50), "2022")});
    answer({.acl = fail(ErrorKind::throttled, "503")});
    ASSERT_EQ(asked(), " done");
    const auto& error = update->outcome().errors.front();
    ASSERT_TRUE(error);
    EXPECT_FALSE(error->outcome_unknown);
}

class OnUntriedService : public GuardedUpdates {
  protected:
    OnUntriedService() : GuardedUpdates(unknown_service()) {}
};

// Whether a service honours conditions is learnt from the first copy; what was read before that
// may have been young.
TEST_F(OnUntriedService, a_young_object_that_was_seen_once_is_not_taken_to_have_stood_still) {
    begin();
    answer({.head = object(milliseconds(500))});
    EXPECT_EQ(asked(), " acl tags");
    answer(replies({}));
    EXPECT_EQ(asked(), " head") << "just before the copy";
    answer({.head = object(milliseconds(500))});
    ASSERT_EQ(asked(), " copy");
    now = now + seconds(5);
    Error by_service(ErrorKind::precondition_failed, "412");
    by_service.http_status = 412;
    step = update->on_copied(by_service, now, now);
    EXPECT_EQ(facts.conditions(), CopyConditions::honoured);
    EXPECT_EQ(asked(), " wait");
}

class OnUnknownService : public GuardedUpdates {
  protected:
    OnUnknownService() : GuardedUpdates(unknown_service()) {
        facts.learn_conditions(CopyConditions::honoured);
    }
};

TEST_F(OnUnknownService, acl_and_tags_are_asked_for_at_the_same_time) {
    begin();
    answer({.head = object()});
    EXPECT_EQ(asked(), " acl tags");
    answer(replies({}, "public-read"));
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().acl, "public-read");
}

TEST_F(OnUnknownService, an_acl_that_grew_old_while_the_tags_came_is_read_again) {
    begin();
    answer({.head = object()});
    answer(replies({}, "public-read"), milliseconds(1100));
    EXPECT_EQ(asked(), " acl");
    answer({.acl = "private"});
    EXPECT_EQ(asked(), " head");
    answer({.head = object()});
    ASSERT_EQ(asked(), " copy");
    EXPECT_EQ(sent().acl, "");
}

TEST_F(OnUnknownService, acl_and_tags_are_asked_for_beside_the_head_as_well) {
    begin();
    answer({.head = object()});
    answer(replies({}));
    ASSERT_EQ(asked(), " copy");
    begin();
    EXPECT_EQ(asked(), " head acl tags");
    answer(replies(object()));
    EXPECT_EQ(asked(), " copy");
}

TEST_F(OnUnknownService, where_heads_count_the_tags_none_are_asked_for_beside_them) {
    HeadReply untagged = object();
    untagged.info.tag_count = 0;
    begin();
    answer({.head = untagged});
    EXPECT_EQ(asked(), " acl");
    answer({.acl = "private"});
    ASSERT_EQ(asked(), " copy");
    begin();
    EXPECT_EQ(asked(), " head acl");
}

TEST_F(OnUnknownService, tags_that_were_read_for_one_change_of_a_run_serve_the_next_for_a_second) {
    begin();
    answer({.head = object()});
    FacetReplies untagged = replies({}, "private");
    untagged.tags = Tags{};
    answer(untagged);
    ASSERT_EQ(asked(), " copy");
    answer_copy();
    ASSERT_EQ(asked(), " done");
    UpdateBase own = *update->outcome().own;
    begin("2022", own);
    EXPECT_EQ(asked(), " copy");

    own.tags_read_at = now - milliseconds(1100);
    begin("2023", own);
    EXPECT_EQ(asked(), " tags");
}

TEST_F(OnUnknownService, tags_that_the_mount_changed_in_between_are_read_again) {
    OwnResults results;
    UpdateBase own;
    own.tags = Tags{};
    own.read_at = own.tags_read_at = now;
    results.set(ObjectKey("object"), own);
    results.read_again(ObjectKey("object"));
    EXPECT_FALSE(results.find(ObjectKey("object"))->tags);
}

// There a HEAD just before the copy is all the guard there is.
TEST_F(OnUnknownService, where_conditions_are_ignored_one_round_trip_tells_all_before_a_copy) {
    facts.learn_conditions(CopyConditions::ignored);
    begin();
    answer({.head = object()});
    EXPECT_EQ(asked(), " acl tags");
    answer(replies({}));
    EXPECT_EQ(asked(), " head") << "once more, just before";
    answer({.head = object()});
    ASSERT_EQ(asked(), " copy");
    begin();
    EXPECT_EQ(asked(), " head acl tags");
    answer(replies(object()));
    EXPECT_EQ(asked(), " copy");
}

}  // namespace
}  // namespace xbucket::testing
