// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/sqlite.h"

#include <fmt/format.h>

namespace xbucket::sqlite {

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Survives survives) {
    // Statistics of memory, which nobody reads, have one lock for all threads.
    static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    static_cast<void>(configured);
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    std::unique_ptr<Connection> connection(new Connection(handle));
    if (code != SQLITE_OK) {
        return fail(ErrorKind::io, fmt::format("cannot open the database {}: {}; is the folder "
                                               "writable by this user?",
                                               path, sqlite3_errstr(code)));
    }
    sqlite3_busy_timeout(handle, 30'000);
    // The log is as good as the file it would be copied to; the next start goes on with it.
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    // While an empty file becomes a database there is nothing to lose yet.
    if (survives == Survives::kill) TRY(connection->execute("PRAGMA synchronous=OFF"));
    TRY(
        connection->execute("PRAGMA journal_mode=WAL;"
                            "PRAGMA wal_autocheckpoint=4000;"
                            "PRAGMA cache_size=-16000;"));
    TRY(connection->sync_commits(survives));
    return connection;
}

Result<std::unique_ptr<Connection>> Connection::open_to_read(const std::string& path) {
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    std::unique_ptr<Connection> connection(new Connection(handle));
    if (code != SQLITE_OK) {
        return fail(ErrorKind::io,
                    fmt::format("cannot open the database {}: {}", path, sqlite3_errstr(code)));
    }
    sqlite3_busy_timeout(handle, 5'000);
    return connection;
}

Connection::~Connection() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(handle_);
}

Error Connection::error(std::string_view doing) const {
    const int code = sqlite3_extended_errcode(handle_);
    return fail((code & 0xff) == SQLITE_BUSY ? ErrorKind::busy : ErrorKind::io,
                fmt::format("{}: {} (SQLite {})", doing, sqlite3_errmsg(handle_), code));
}

Result<void> Connection::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(sql);
    return {};
}

// In WAL mode a killed process loses nothing that was committed, even without a sync.
Result<void> Connection::sync_commits(Survives survives) {
    return execute(survives == Survives::power_loss ? "PRAGMA synchronous=FULL"
                                                    : "PRAGMA synchronous=NORMAL");
}

Result<void> Connection::sync_log() {
    sqlite3_file* log = nullptr;
    if (sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
        return error("finding the log");
    if (log == nullptr || log->pMethods == nullptr) return {};  // nothing was committed
    if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
        return fail(ErrorKind::io, "the database's log cannot be written to the disk");
    return {};
}

Result<sqlite3_stmt*> Connection::prepared(const char* sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
        SQLITE_OK) {
        return error(sql);
    }
    statements_.emplace(sql, statement);
    return statement;
}

Query::Query(Connection& connection, const char* sql_literal) : connection_(connection) {
    auto statement = connection.prepared(sql_literal);
    if (statement) {
        statement_ = *statement;
    } else {
        error_ = std::move(statement).error();
        failed_ = true;
    }
}

Query::~Query() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

void Query::restart() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
    next_ = 1;
}

Query& Query::text(std::string_view value) {
    if (statement_ != nullptr) {
        sqlite3_bind_text64(statement_, next_++, value.data() == nullptr ? "" : value.data(),
                            value.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    return *this;
}

Query& Query::bytes(std::string_view value) {
    if (statement_ != nullptr) {
        // A null pointer would bind NULL, which compares with nothing.
        sqlite3_bind_blob64(statement_, next_++, value.data() == nullptr ? "" : value.data(),
                            value.size(), SQLITE_STATIC);
    }
    return *this;
}

Query& Query::number(int64_t value) {
    if (statement_ != nullptr) sqlite3_bind_int64(statement_, next_++, value);
    return *this;
}

Query& Query::null() {
    if (statement_ != nullptr) sqlite3_bind_null(statement_, next_++);
    return *this;
}

Result<bool> Query::step() {
    if (failed_) return error_;
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return connection_.error(sqlite3_sql(statement_));
}

Result<void> Query::run() {
    while (TRY(step())) {
    }
    return {};
}

std::string_view Query::bytes_at(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return data == nullptr
               ? std::string_view()
               : std::string_view(static_cast<const char*>(data), static_cast<size_t>(size));
}

}  // namespace xbucket::sqlite
