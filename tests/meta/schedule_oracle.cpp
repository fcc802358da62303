// SPDX-FileCopyrightText: the xbucket authors
#include "schedule_oracle.h"

#include "content_types.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::testing {

namespace {

class Judge {
  public:
    Judge(const World& world, const std::map<Field, std::string>& first,
          std::map<Field, std::string> last)
        : world_(world), first_(first), last_(std::move(last)) {}

    std::string run() const {
        std::set<Field> fields;
        for (const auto& [field, value] : first_) fields.insert(field);
        for (const auto& [field, value] : last_) fields.insert(field);
        for (const Operation& operation : world_.operations)
            for (const auto& [field, value] : operation.edits) fields.insert(field);
        for (const Field& field : fields)
            if (std::string wrong = check(field); !wrong.empty()) return wrong;
        return {};
    }

  private:
    static FieldValue value_in(const std::map<Field, std::string>& fields, const Field& field) {
        const auto found = fields.find(field);
        return found == fields.end() ? FieldValue() : FieldValue(found->second);
    }
    static bool concerns(const Operation& operation, const Field& field) {
        return operation.removes_all || operation.edits.contains(field);
    }
    FieldValue wanted(const Operation& operation, const Field& field) const {
        const auto edit = operation.edits.find(field);
        if (edit == operation.edits.end()) return {};
        const bool is_default =
            field == "acl" && edit->second == world_.bucket.traits().default_acl;
        return is_default ? FieldValue() : edit->second;
    }

    // When the service made of `field` what the operation asked for; 0 for one that found it so.
    uint64_t made_at(const Operation& operation, const Field& field) const {
        const auto part = static_cast<size_t>(part_of(field));
        uint64_t at = 0;
        for (const Mutation& mutation : world_.mutations) {
            // What follows an upload repairs what others did meanwhile.
            const bool follows = operation.edits.contains("body") && mutation.what != "PUT" &&
                                 mutation.what != "COMPLETE";
            if (mutation.operation == operation.id && mutation.written[part] && !follows)
                at = std::max(at, mutation.at);
        }
        return at;
    }

    uint64_t known_since(const Mutation& mutation, size_t part) const {
        const Operation& operation = world_.operations[mutation.operation];
        // What was noted to be made again after the upload is forgotten with a failed attempt.
        const bool forgets =
            operation.kind == Operation::Kind::upload_parts &&
            (operation.attempts > 1 || operation.state != Operation::State::acknowledged);
        return forgets ? std::min(operation.began, *mutation.written[part])
                       : *mutation.written[part];
    }

    bool destroyed(uint64_t made, size_t by, size_t part) const {
        return std::any_of(world_.mutations.begin(), world_.mutations.end(),
                           [&](const Mutation& other) {
                               return other.operation != by && other.written[part] &&
                                      known_since(other, part) < made && made < other.at;
                           });
    }

    bool beside_an_upload(const Operation& operation, uint64_t made) const {
        if (world_.bucket.traits().destination_conditions) return false;
        constexpr Duration kNear = std::chrono::seconds(2);
        const auto own =
            std::find_if(world_.mutations.begin(), world_.mutations.end(),
                         [made](const Mutation& mutation) { return mutation.at == made; });
        if (own == world_.mutations.end()) return false;
        bool upload = false;  // whoever's: it is the base of its mount's next changes
        bool others = false;
        for (const Mutation& mutation : world_.mutations) {
            if (own->when - mutation.when >= kNear || mutation.when - own->when >= kNear) continue;
            upload = upload || mutation.what == "PUT" || mutation.what == "COMPLETE";
            others = others || mutation.mount != operation.mount;
        }
        return upload && others;
    }

    // Made between another client's look and its write: that one goes on from what it knows.
    bool raced(const Operation& operation, const Field& field, uint64_t made) const {
        const auto part = static_cast<size_t>(part_of(field));
        for (const Mutation& own : world_.mutations)
            for (const Mutation& other : world_.mutations)
                if (own.at == made && own.written[part] && other.mount != operation.mount &&
                    other.written[part] && *own.written[part] < other.at && other.at < made)
                    return true;
        return false;
    }

    bool excused(const Operation& operation, const Field& field) const {
        const auto part = static_cast<size_t>(part_of(field));
        const uint64_t made = made_at(operation, field);
        if (made == 0)  // what it found was about to go
            return std::any_of(
                world_.mutations.begin(), world_.mutations.end(), [&](const Mutation& other) {
                    return other.operation != operation.id && other.written[part] &&
                           known_since(other, part) < operation.ended && operation.began < other.at;
                });
        if (destroyed(made, operation.id, part) || beside_an_upload(operation, made) ||
            raced(operation, field, made))
            return true;
        // An upload in parts makes again, after it, what was changed during it.
        return std::any_of(
            world_.mutations.begin(), world_.mutations.end(), [&](const Mutation& again) {
                return again.at > made && again.written[part] &&
                       world_.operations[again.operation].kind == Operation::Kind::upload_parts &&
                       destroyed(again.at, again.operation, part);
            });
    }

    // Where every copy takes the tags away and the client writes them again, others who read in
    // between find none; and a copy that comes late, or whose sender knows that he cannot tell,
    // takes them away for good.
    bool tags_unsure() const {
        if (world_.bucket.service().tags_kept_by_replace) return false;
        if (world_.any_came_late) return true;
        const auto part = static_cast<size_t>(Part::tags);
        std::set<size_t> mounts;
        for (const Mutation& copy : world_.mutations) {
            if (!copy.written[part]) continue;
            mounts.insert(copy.mount);
            const Operation& operation = world_.operations[copy.operation];
            if (operation.state == Operation::State::unknown) return true;
        }
        return mounts.size() > 1;
    }

    std::string check(const Field& field) const {
        const FieldValue found = value_in(last_, field);
        std::vector<const Operation*> counting;  // acknowledged, and by no residue undone
        for (const Operation& operation : world_.operations)
            if (operation.state == Operation::State::acknowledged && concerns(operation, field) &&
                !excused(operation, field))
                counting.push_back(&operation);
        const auto replaced = [&](uint64_t ended) {
            return std::any_of(counting.begin(), counting.end(),
                               [&](const Operation* other) { return other->began > ended; });
        };
        std::string possible;
        const auto may_be = [&](const FieldValue& value) {
            possible += fmt::format(" {}", value.value_or("(none)"));
            return value == found;
        };
        if (!replaced(0) && may_be(value_in(first_, field))) return {};
        if (part_of(field) == Part::tags && tags_unsure() && may_be({})) return {};
        for (const Operation& operation : world_.operations) {
            const bool tried = operation.state == Operation::State::acknowledged ||
                               operation.state == Operation::State::unknown;
            if (!tried || !concerns(operation, field) || replaced(operation.ended)) continue;
            if (may_be(wanted(operation, field))) return {};
        }
        return fmt::format("{} is {}; it may be one of:{}", field, found.value_or("(none)"),
                           possible);
    }

    const World& world_;
    const std::map<Field, std::string>& first_;
    const std::map<Field, std::string> last_;
};

}  // namespace

std::map<Field, std::string> fields_of(const World& world, const ObjectKey& key) {
    const auto object = world.bucket.peek(key);
    std::map<Field, std::string> fields;
    if (!object || object->delete_marker) return fields;
    const ObjectAttributes& attributes = object->attributes;
    // A directory's marker comes and goes with what is set on it.
    if (!key.str().ends_with('/')) fields["body"] = *object->body;
    if (attributes.acl != world.bucket.traits().default_acl) fields["acl"] = attributes.acl;
    for (const auto& [name, value] : attributes.user) fields["user:" + name] = value;
    if (attributes.tags)
        for (const auto& [name, value] : *attributes.tags) fields["tag:" + name] = value;
    for (const HttpField field : kHttpFields) {
        if (!attributes[field]) continue;
        const bool is_default =
            field == HttpField::content_type && *attributes[field] == content_type_of(key.str());
        if (!is_default) fields[fmt::format("http:{}", to_string(field))] = *attributes[field];
    }
    const bool default_class =
        attributes.storage_class == world.bucket.traits().default_storage_class;
    if (!default_class) fields["class"] = attributes.storage_class;
    return fields;
}

std::string judge_schedule(const World& world, const ObjectKey& key,
                           const std::map<Field, std::string>& first) {
    return Judge(world, first, fields_of(world, key)).run();
}

}  // namespace xbucket::testing
