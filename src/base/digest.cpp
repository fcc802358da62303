// SPDX-FileCopyrightText: the xbucket authors
// Digests and MACs through OpenSSL 3's EVP interface. Finding an algorithm by name costs several
// times a short digest, so each is fetched once per process and each thread keeps its contexts:
// a request is signed with four or five HMACs.
#include "xbucket/base/digest.h"

#include "xbucket/base/result.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/random.h>
#include <utility>

namespace xbucket {
namespace {

using Algorithm = Hasher::Algorithm;

struct FreeDigestContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigestContext>;

struct FreeMacContext {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMacContext>;

const EVP_MD* fetch_digest(const char* name) {
    const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
    CHECK(digest != nullptr);
    return digest;
}

// Null where there is none. A host in FIPS mode gives it only to who says that it protects nothing,
// as here: services want it as a checksum.
const EVP_MD* fetch_md5() {
    const EVP_MD* digest = EVP_MD_fetch(nullptr, "MD5", nullptr);
    return digest != nullptr ? digest : EVP_MD_fetch(nullptr, "MD5", "-fips");
}

const EVP_MD* kept_md5() {
    static const EVP_MD* const kMd5 = fetch_md5();
    return kMd5;
}

// Fetched at first use and kept for the life of the process.
const EVP_MD* digest_for(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::md5:
            CHECK(kept_md5() != nullptr);
            return kept_md5();
        case Algorithm::sha256: {
            static const EVP_MD* const kSha256 = fetch_digest("SHA256");
            return kSha256;
        }
        case Algorithm::sha1: {
            static const EVP_MD* const kSha1 = fetch_digest("SHA1");
            return kSha1;
        }
    }
    CHECK(false);
}

std::string finish_digest(EVP_MD_CTX* context) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    CHECK(EVP_DigestFinal_ex(context, bytes.data(), &size) == 1);
    return {bytes.begin(), bytes.begin() + size};
}

std::string digest_with(EVP_MD_CTX* context, Algorithm algorithm, std::string_view data) {
    CHECK(context != nullptr);
    CHECK(EVP_DigestInit_ex2(context, digest_for(algorithm), nullptr) == 1);
    CHECK(EVP_DigestUpdate(context, data.data(), data.size()) == 1);
    return finish_digest(context);
}

MacContext make_hmac_context(const char* digest_name) {
    static EVP_MAC* const kHmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    CHECK(kHmac != nullptr);
    MacContext context(EVP_MAC_CTX_new(kHmac));
    CHECK(context != nullptr);
    // The parameter is only read; OpenSSL's type has no const.
    std::string name = digest_name;
    const std::array<OSSL_PARAM, 2> params = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
        OSSL_PARAM_construct_end(),
    };
    CHECK(EVP_MAC_CTX_set_params(context.get(), params.data()) == 1);
    return context;
}

const unsigned char* as_bytes(std::string_view text) {
    // OpenSSL takes a null key to mean "the last one", so an empty key needs an address.
    return reinterpret_cast<const unsigned char*>(text.empty() ? "" : text.data());
}

// With the key that the context was given last.
std::string mac_of(EVP_MAC_CTX* context, std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    size_t size = 0;
    CHECK(EVP_MAC_update(context, as_bytes(data), data.size()) == 1);
    CHECK(EVP_MAC_final(context, bytes.data(), &size, bytes.size()) == 1);
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::string hmac_with(EVP_MAC_CTX* context, std::string_view key, std::string_view data) {
    CHECK(EVP_MAC_init(context, as_bytes(key), key.size(), nullptr) == 1);
    return mac_of(context, data);
}

}  // namespace

std::string sha256(std::string_view data) {
    thread_local const DigestContext context(EVP_MD_CTX_new());
    return digest_with(context.get(), Algorithm::sha256, data);
}

std::string md5(std::string_view data) {
    thread_local const DigestContext context(EVP_MD_CTX_new());
    return digest_with(context.get(), Algorithm::md5, data);
}

bool has_md5() { return kept_md5() != nullptr; }

std::string hmac_sha256(std::string_view key, std::string_view data) {
    thread_local const MacContext context = make_hmac_context("SHA256");
    return hmac_with(context.get(), key, data);
}

std::string hmac_sha1(std::string_view key, std::string_view data) {
    thread_local const MacContext context = make_hmac_context("SHA1");
    return hmac_with(context.get(), key, data);
}

struct HmacSha256::Impl {
    MacContext context;
};

HmacSha256::HmacSha256(std::string_view key)
    : impl_(std::make_unique<Impl>(Impl{make_hmac_context("SHA256")})) {
    CHECK(EVP_MAC_init(impl_->context.get(), as_bytes(key), key.size(), nullptr) == 1);
}
HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

std::string HmacSha256::of(std::string_view data) {
    CHECK(impl_ != nullptr);
    std::string mac = mac_of(impl_->context.get(), data);
    // Without a key: begins anew with the one that it has.
    CHECK(EVP_MAC_init(impl_->context.get(), nullptr, 0, nullptr) == 1);
    return mac;
}

struct Hasher::Impl {
    DigestContext context;
};

Hasher::Hasher(Algorithm algorithm)
    : impl_(std::make_unique<Impl>(Impl{DigestContext(EVP_MD_CTX_new())})) {
    CHECK(impl_->context != nullptr);
    CHECK(EVP_DigestInit_ex2(impl_->context.get(), digest_for(algorithm), nullptr) == 1);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::string_view data) {
    CHECK(impl_ != nullptr);
    CHECK(EVP_DigestUpdate(impl_->context.get(), data.data(), data.size()) == 1);
}

std::string Hasher::finish() {
    CHECK(impl_ != nullptr);
    const std::unique_ptr<Impl> last = std::move(impl_);
    return finish_digest(last->context.get());
}

std::string random_bytes(size_t n) {
    std::string bytes(n, '\0');
    size_t filled = 0;
    while (filled < n) {
        const ssize_t got = getrandom(bytes.data() + filled, n - filled, 0);
        CHECK(got > 0 || (got < 0 && errno == EINTR));
        if (got > 0) filled += static_cast<size_t>(got);
    }
    return bytes;
}

uint64_t seed_or_random(uint64_t seed) {
    if (seed != 0) return seed;
    const std::string bytes = random_bytes(sizeof seed);
    std::memcpy(&seed, bytes.data(), sizeof seed);
    return seed;
}

}  // namespace xbucket
