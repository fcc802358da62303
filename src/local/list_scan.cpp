// SPDX-FileCopyrightText: the xbucket authors
#include "list_scan.h"

namespace xbucket::local {

namespace {

constexpr const char* kRows =
    "SELECT key, size, etag, mtime, kind, class, restore_ready, restore_until "
    "FROM objects WHERE bucket=? AND key>=? ORDER BY key";

// Stepping over a few keys is cheaper than a seek.
constexpr int kStepsBeforeSeek = 12;

ListRow row_of(const Query& q) {
    ListRow row;
    row.key = q.bytes_at(0);
    row.size = static_cast<uint64_t>(q.int_at(1));
    row.etag = q.bytes_at(2);
    row.mtime = q.int_at(3);
    row.kind = static_cast<ObjectKind>(q.int_at(4));
    row.storage_class = q.bytes_at(5);
    row.restore_ready = q.int_at(6);
    row.restore_until = q.int_at(7);
    return row;
}

class PageScan {
  public:
    PageScan(Connection& c, const ListScan& scan) : scan_(scan), rows_(c, kRows) {}

    Result<ListEnd> run(const ListVisitor& visitor) {
        ListEnd end;
        if (scan_.entries_max == 0) return end;
        seek(first_key());
        while (TRY(next())) {
            const ListRow row = row_of(rows_);
            if (!row.key.starts_with(scan_.prefix)) break;
            const std::string_view rolled = common_prefix_of(row.key);
            const bool behind = rolled.empty() ? row.key <= scan_.after
                                               : std::string_view(scan_.after).starts_with(rolled);
            if (!behind) {
                if (end.entries == scan_.entries_max) {
                    end.truncated = true;
                    break;
                }
                ++end.entries;
                end.last = std::string(rolled.empty() ? row.key : rolled);
                if (rolled.empty()) {
                    visitor.object(row);
                } else {
                    visitor.common_prefix(rolled);
                }
            }
            if (!rolled.empty() && !TRY(skip(std::string(rolled)))) break;
        }
        return end;
    }

  private:
    std::string first_key() const {
        return scan_.after > scan_.prefix ? scan_.after : scan_.prefix;
    }
    void seek(std::string from) {
        from_ = std::move(from);
        rows_.restart();
        rows_.text(scan_.bucket).bytes(from_);
        waiting_ = false;
    }
    // The row that skip() stopped at counts as the next one.
    Result<bool> next() {
        if (waiting_) {
            waiting_ = false;
            return true;
        }
        return rows_.step();
    }
    std::string_view common_prefix_of(std::string_view key) const {
        if (scan_.delimiter.empty()) return {};
        const size_t at = key.find(scan_.delimiter, scan_.prefix.size());
        if (at == std::string_view::npos) return {};
        return key.substr(0, at + scan_.delimiter.size());
    }
    // Past all keys under `prefix`. False when there are none.
    Result<bool> skip(const std::string& prefix) {
        for (int i = 0; i < kStepsBeforeSeek; ++i) {
            if (!TRY(rows_.step())) return false;
            if (!rows_.bytes_at(0).starts_with(prefix)) {
                waiting_ = true;
                return true;
            }
        }
        std::string beyond = after_prefix(prefix);
        if (beyond.empty()) return false;
        seek(std::move(beyond));
        return true;
    }

    const ListScan& scan_;
    Query rows_;
    std::string from_;
    bool waiting_ = false;
};

}  // namespace

std::string after_prefix(std::string prefix) {
    while (!prefix.empty()) {
        const auto last = static_cast<unsigned char>(prefix.back());
        if (last != 0xff) {
            prefix.back() = static_cast<char>(last + 1);
            return prefix;
        }
        prefix.pop_back();
    }
    return prefix;
}

Result<ListEnd> scan_page(Connection& c, const ListScan& scan, const ListVisitor& visitor) {
    return PageScan(c, scan).run(visitor);
}

}  // namespace xbucket::local
