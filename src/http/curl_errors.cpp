// SPDX-FileCopyrightText: the xbucket authors
#include "curl_errors.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/result.h"

#include <fmt/format.h>

#include <cerrno>

namespace xbucket {

namespace {

bool is_disconnect(int os_error) {
    return os_error == ECONNRESET || os_error == EPIPE || os_error == ECONNABORTED ||
           os_error == ETIMEDOUT;
}

// Only the codes that HTTP can give are told apart; everything else is a bug here.
ErrorKind kind_of(CURLcode code, int os_error) {
    switch (static_cast<int>(code)) {  // int: libcurl adds codes, and we need no list of them all
        case CURLE_OPERATION_TIMEDOUT:
            return ErrorKind::timed_out;
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_FAIL_REWIND:
        case CURLE_INTERFACE_FAILED:
        case CURLE_PROXY:
            return ErrorKind::network;
        case CURLE_SSL_CONNECT_ERROR:
            // A handshake that the network cut is worth another try, a refused one is not.
            return is_disconnect(os_error) ? ErrorKind::network : ErrorKind::tls;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CLIENTCERT:
        case CURLE_USE_SSL_FAILED:
            return ErrorKind::tls;
        case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: bytes without a status line
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_CONTENT_ENCODING:
        case CURLE_FILESIZE_EXCEEDED:
        case CURLE_HTTP_RETURNED_ERROR:
            return ErrorKind::bad_reply;
        case CURLE_URL_MALFORMAT:
            return ErrorKind::invalid_argument;
        default:
            return ErrorKind::internal;
    }
}

// OpenSSL's X509_V_* codes of a certificate, as libcurl passes them on.
constexpr long kNotJudged = 1;  // libcurl looks at the name first
constexpr long kNotYetValid = 9;
constexpr long kExpired = 10;

std::string_view advice_on_certificate(long verify_result) {
    if (verify_result == kNotJudged) {
        return "; use a name that the certificate is for as the endpoint";
    }
    if (verify_result == kExpired || verify_result == kNotYetValid) {
        return "; the server needs a new certificate, or this machine's clock is wrong";
    }
    return "; where the server is your own, give the certificate of its CA with --ca-bundle";
}

std::string_view advice_on_tls(CURLcode code, long verify_result) {
    if (code == CURLE_PEER_FAILED_VERIFICATION) return advice_on_certificate(verify_result);
    if (code == CURLE_SSL_CACERT_BADFILE) return "; check the file of --ca-bundle";
    if (code == CURLE_SSL_CERTPROBLEM) return "; check --client-certificate and --client-key";
    return "; check that the endpoint speaks HTTPS, with TLS 1.2 or newer";
}

std::string_view advice(CURLcode code, ErrorKind kind, long verify_result) {
    if (code == CURLE_COULDNT_RESOLVE_HOST) return "; check the endpoint's name and the DNS";
    if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY) return "; check the proxy";
    if (code == CURLE_COULDNT_CONNECT) {
        return "; check that the endpoint is right and that nothing blocks the way to it";
    }
    if (kind == ErrorKind::timed_out) return "; check the endpoint, the proxy and the network";
    if (kind == ErrorKind::tls) return advice_on_tls(code, verify_result);
    if (kind == ErrorKind::bad_reply) return "; is this address an object-storage service?";
    return "";
}

}  // namespace

Error error_from_curl(CURLcode code, std::string_view label, std::string_view detail, int os_error,
                      long verify_result) {
    if (detail.empty()) detail = curl_easy_strerror(code);
    const ErrorKind kind = kind_of(code, os_error);
    // The text can quote the server: no control bytes into the log.
    return fail(kind,
                fmt::format("{}{}{}", label, printable(detail), advice(code, kind, verify_result)));
}

}  // namespace xbucket
