// SPDX-FileCopyrightText: the xbucket authors
// What a mount and its keeper say to each other. A request is one packet, with the end of a stream
// for its reply. Closing the other end of that stream ends what was asked for. The reply is all
// that comes, to the stream's end.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"

#include <optional>
#include <string>
#include <string_view>

namespace xbucket::app {

inline constexpr size_t kRequestBytesMax = 64U << 10;

struct KeeperRequest {
    enum class Kind : char { program = 'p', shell = 's', unmount = 'u', seal = '.' };
    Kind kind = Kind::seal;
    uint64_t timeout_ms = 0;  // program, shell
    std::string command;      // program, shell
};
std::string to_packet(const KeeperRequest& request);
// nullopt: no request.
std::optional<KeeperRequest> parse_packet(std::string_view packet);

// A packet with the end of a stream for its reply. False: nobody is there to receive it.
bool send_packet(int control, std::string_view packet, int reply_end);
struct ReceivedPacket {
    std::optional<KeeperRequest> request;  // nullopt: it was none
    int reply_end = -1;                    // the receiver's to close; -1: none came
};
// Blocks. nullopt: the other end is gone. `buffer` is used again from call to call.
std::optional<ReceivedPacket> receive_packet(int control, std::string& buffer);

// A reply is 'k' and the output, or 'e', a letter for the kind of error, and its message.
void write_reply(int fd, const Result<Secret>& result);
// `reply` is all of it; "" where the keeper ended without one.
Result<Secret> parse_reply(std::string_view reply);

}  // namespace xbucket::app
