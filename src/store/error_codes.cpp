// SPDX-FileCopyrightText: the xbucket authors
// The error table of protocol.md 8 as data.
#include "error_codes.h"

#include "errors.h"

#include <algorithm>
#include <array>
#include <utility>

namespace xbucket {
namespace {

using Row = std::pair<std::string_view, ErrorKind>;
using enum ErrorKind;

constexpr auto kCodes = std::to_array<Row>({
    {"NoSuchKey", not_found},
    {"NoSuchVersion", not_found},
    {"NoSuchUpload", not_found},
    {"NoSuchTagSet", not_found},
    {"SymlinkTargetNotExist", not_found},
    {"NoSuchBucket", no_such_bucket},

    {"AccessDenied", access_denied},
    {"UserDisable", access_denied},
    {"UserInDebt", access_denied},
    {"BucketNotBelongTo", access_denied},
    {"AllAccessDisabled", access_denied},
    {"AccountProblem", access_denied},
    {"Forbidden", access_denied},
    {"InvalidAccessKeyId", bad_credentials},
    {"SignatureDoesNotMatch", bad_credentials},
    {"SecurityTokenExpired", expired_credentials},
    {"InvalidSecurityToken", expired_credentials},
    {"ExpiredToken", expired_credentials},
    {"InvalidToken", expired_credentials},
    {"InvalidTokenId", expired_credentials},
    {"TokenRefreshRequired", expired_credentials},
    {"RequestTimeTooSkewed", clock_skew},

    {"InvalidObjectState", archived},
    {"ObjectNotInActiveTierError", archived},
    {"RestoreAlreadyInProgress", conflict},
    {"InvalidTargetType", symlink_loop},
    {"FileAlreadyExists", already_exists},
    {"FileImmutable", not_permitted},
    {"ObjectLocked", not_permitted},
    {"ObjectNotAppendable", unsupported},
    {"PositionNotEqualToLength", conflict},
    {"PreconditionFailed", precondition_failed},
    {"ConditionalRequestConflict", conflict},
    {"OperationAborted", conflict},
    {"NotModified", not_modified},

    {"MetadataTooLarge", no_attribute_space},
    {"RequestHeaderSectionTooLarge", no_attribute_space},
    {"InvalidArgument", invalid_argument},
    {"InvalidRequest", invalid_argument},
    {"MalformedXML", invalid_argument},
    {"InvalidTag", invalid_argument},
    {"InvalidDigest", invalid_argument},
    {"InvalidPart", invalid_argument},
    {"InvalidPartOrder", invalid_argument},
    {"InvalidStorageClass", invalid_argument},
    {"EntityTooSmall", invalid_argument},
    {"InvalidObjectName", invalid_name},
    {"InvalidBucketName", invalid_name},
    {"KeyTooLongError", name_too_long},
    {"KeyTooLong", name_too_long},
    {"EntityTooLarge", file_too_large},
    {"InvalidRange", bad_range},
    {"QuotaExceeded", no_space},

    {"OperationNotSupported", unsupported},
    {"NotImplemented", unsupported},
    {"MethodNotAllowed", unsupported},
    {"AccessControlListNotSupported", unsupported},
    {"MissingContentLength", internal},
    {"SecondLevelDomainForbidden", wrong_endpoint},
    {"NonStandardHostForbidden", wrong_endpoint},
    {"PermanentRedirect", wrong_endpoint},
    {"TemporaryRedirect", wrong_endpoint},
    {"IllegalLocationConstraintException", wrong_endpoint},
    {"AuthorizationHeaderMalformed", wrong_endpoint},

    {"BadDigest", checksum_mismatch},
    {"XAmzContentSHA256Mismatch", checksum_mismatch},
    {"IncompleteBody", network},
    {"RequestTimeout", timed_out},
    {"BadRequest", server_error},
    {"InternalError", server_error},
    {"UnknownError", server_error},

    {"TotalQpsLimitExceeded", throttled},
    {"MetaOperationQpsLimitExceeded", throttled},
    {"QpsLimitExceeded", throttled},
    {"DownloadTrafficRateLimitExceeded", throttled},
    {"UploadTrafficRateLimitExceeded", throttled},
    {"ActiveRequestLimitExceeded", throttled},
    {"CpuLimitExceeded", throttled},
    {"ServiceUnavailable", throttled},
    {"SlowDown", throttled},
    {"Throttling", throttled},
    {"ThrottlingException", throttled},
    {"ThrottledException", throttled},
    {"RequestThrottled", throttled},
    {"RequestThrottledException", throttled},
    {"TooManyRequests", throttled},
    {"TooManyRequestsException", throttled},
    {"RequestLimitExceeded", throttled},
    {"BandwidthLimitExceeded", throttled},
    {"PriorRequestNotComplete", throttled},
});

constexpr auto kStatuses = std::to_array<std::pair<int, ErrorKind>>({
    {301, wrong_endpoint},     {302, wrong_endpoint},      {304, not_modified},
    {307, wrong_endpoint},     {308, wrong_endpoint},      {400, invalid_argument},
    {401, bad_credentials},    {403, access_denied},       {404, not_found},
    {405, unsupported},        {408, timed_out},           {409, conflict},
    {411, internal},           {412, precondition_failed}, {413, file_too_large},
    {414, name_too_long},      {416, bad_range},           {429, throttled},
    {431, no_attribute_space}, {501, unsupported},         {503, throttled},
    {507, no_space},
});

}  // namespace

std::optional<ErrorKind> kind_of_code(std::string_view code) {
    const auto row = std::find_if(kCodes.begin(), kCodes.end(),
                                  [code](const Row& r) { return r.first == code; });
    if (row != kCodes.end()) return row->second;
    if (code.starts_with("WORM")) return not_permitted;
    return std::nullopt;
}

ErrorKind kind_of_status(int status) {
    for (const auto& [known, kind] : kStatuses) {
        if (known == status) return kind;
    }
    if (status >= 500 && status < 600) return server_error;
    if (status >= 400 && status < 500) return invalid_argument;
    return bad_reply;
}

std::string_view advice_for(ErrorKind kind) {
    // Not a switch: most kinds never come from a service, and the default is silence.
    constexpr auto kAdvice = std::to_array<std::pair<ErrorKind, std::string_view>>({
        {not_found, "there is no such object"},
        {no_such_bucket, "there is no such bucket: check its name, region and endpoint"},
        {access_denied, "access denied: the key is known but may not do this, check its policy"},
        {bad_credentials,
         "the access key is unknown or the secret does not fit it: check the credentials"},
        {expired_credentials, "the credentials have expired: get new ones"},
        {clock_skew, "this machine's clock differs too much from the service's: set the clock"},
        {archived, "the object is archived: restore it first (user.object.restore)"},
        {conflict, "another change of the object is under way: try again"},
        {precondition_failed, "the object has changed meanwhile"},
        {already_exists, "the object exists already"},
        {not_permitted, "the object is locked by a retention rule (WORM)"},
        {no_attribute_space, "the metadata is larger than the service takes: remove attributes"},
        {name_too_long, "the key is longer than the service takes"},
        {invalid_name, "the service does not take this name"},
        {file_too_large, "the object is larger than the service takes in one request"},
        {bad_range, "the range lies outside the object"},
        {unsupported, "the service does not support this"},
        {wrong_endpoint,
         "the bucket is not served by this endpoint: give the right region or endpoint"},
        {throttled, "the service asks to slow down"},
        {server_error, "the service failed"},
        {symlink_loop, "the link points to a link, which the service does not follow"},
        {no_space, "a quota of the service is used up"},
    });
    const auto row = std::find_if(kAdvice.begin(), kAdvice.end(),
                                  [kind](const auto& r) { return r.first == kind; });
    return row == kAdvice.end() ? std::string_view() : row->second;
}

}  // namespace xbucket
