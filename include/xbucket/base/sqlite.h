// SPDX-FileCopyrightText: the xbucket authors
// A thin owner of SQLite handles: connections with their prepared statements, and queries that
// reset themselves. The only header that knows sqlite3 types. Used by the local server's database
// and by the journal of a mount.
#pragma once

#include "xbucket/base/result.h"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace xbucket::sqlite {

// What a committed transaction outlives. Either way no crash damages the database.
enum class Survives {
    kill,        // the end of this process; the last ones may be lost when the machine stops
    power_loss,  // each commit waits for the disk
};

// Confined to one thread at a time.
class Connection {
  public:
    // Opens or makes the database in WAL mode. Waits up to 30 s for other processes' locks.
    // Errors: io.
    static Result<std::unique_ptr<Connection>> open(const std::string& path, Survives survives);
    // Opens one that is there and changes nothing of it. Errors: io.
    static Result<std::unique_ptr<Connection>> open_to_read(const std::string& path);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // One or more statements without results.
    Result<void> execute(const char* sql);
    // From the next transaction on.
    Result<void> sync_commits(Survives survives);
    // Waits until the disk has all that was committed. Errors: io.
    Result<void> sync_log();
    int64_t changes() const { return sqlite3_changes64(handle_); }

  private:
    friend class Query;
    explicit Connection(sqlite3* handle) : handle_(handle) {}
    // Prepared once per connection; `sql` must be a literal: its address is the cache's key.
    Result<sqlite3_stmt*> prepared(const char* sql);
    Error error(std::string_view doing) const;

    sqlite3* handle_;
    std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

// One use of a prepared statement. Bound bytes must stay alive until the query goes. An error
// while preparing or binding is reported by step().
class Query {
  public:
    Query(Connection& connection, const char* sql_literal);
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    // In order of the statement's '?'.
    Query& text(std::string_view value);
    Query& bytes(std::string_view value);
    Query& number(int64_t value);
    Query& null();
    // Binds from the first '?' again, for another run of the statement.
    void restart();

    // True: a row is there. False: done.
    Result<bool> step();
    // Runs to the end, rows ignored.
    Result<void> run();

    int64_t int_at(int column) const { return sqlite3_column_int64(statement_, column); }
    bool null_at(int column) const {
        return sqlite3_column_type(statement_, column) == SQLITE_NULL;
    }
    // Valid until the next step.
    std::string_view bytes_at(int column) const;
    std::string string_at(int column) const { return std::string(bytes_at(column)); }

  private:
    Connection& connection_;
    sqlite3_stmt* statement_ = nullptr;
    int next_ = 1;
    Error error_;
    bool failed_ = false;
};

}  // namespace xbucket::sqlite
