// SPDX-FileCopyrightText: the xbucket authors
// The JSON in which programs, metadata services and credential addresses hand over a key
// (protocol.md 9). One reader for all of them, because they differ in spelling alone:
//   Alibaba's programs, RAM role, CREDENTIALS_URI   AccessKeyId AccessKeySecret SecurityToken
//   AWS's programs (with "Version": 1)              AccessKeyId SecretAccessKey SessionToken
//   EC2 and AWS containers                          AccessKeyId SecretAccessKey Token
//   aliyun's External mode                          access_key_id access_key_secret sts_token
// and Expiration, ISO 8601, which a lasting key does not have.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/store/credentials.h"

#include <string_view>

namespace xbucket {

// `what` begins messages: "the output of the credential process". Errors: bad_reply (no JSON, too
// long, too deep, a Version other than 1, a Code other than Success, a field missing, an Expiration
// that is no time, bytes that no header can carry). No message holds a value but Code.
Result<Credentials> parse_key_document(std::string_view text, std::string_view what);

// Whether it can stand in the headers of a request: visible ASCII, and not endless. Every key goes
// through here, wherever it comes from. Errors: bad_credentials that name the part, not its text.
Result<void> check_key(const Credentials& credentials);

}  // namespace xbucket
