// SPDX-FileCopyrightText: the xbucket authors
// CRCs by ISA-L, which is many times faster than a table (carry-less multiplication where the
// processor has it), and the joining of two CRC-64 by arithmetic in GF(2)[x]/P. Bits are reflected
// throughout: bit 63 of a word is the coefficient of x^0. CRC-64/NVME, which ISA-L has from 2.31 on
// only, is made here: by folding where the processor multiplies without carry, else by eight
// tables, a word at a time.
#include "xbucket/base/digest.h"

#include <array>
#include <bit>
#include <cstring>
#include <isa-l/crc.h>
#include <isa-l/crc64.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace xbucket {
namespace {

constexpr uint64_t kPolynomial = 0xC96C5795D7870F42U;
constexpr uint64_t kNvmePolynomial = 0x9A6C9329AC4BC9B5U;

// a * b mod P.
constexpr uint64_t multiply(uint64_t polynomial, uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (uint64_t bit = uint64_t{1} << 63; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? polynomial : 0);
    }
    return product;
}

// powers[n] is x^(8 * 2^n) mod P: the effect of 2^n zero bytes.
using Powers = std::array<uint64_t, 64>;
constexpr Powers make_powers(uint64_t polynomial) {
    Powers powers{};
    uint64_t power = uint64_t{1} << 55;  // x^8
    for (uint64_t& entry : powers) {
        entry = power;
        power = multiply(polynomial, power, power);
    }
    return powers;
}
constexpr Powers kPowers = make_powers(kPolynomial);
constexpr Powers kNvmePowers = make_powers(kNvmePolynomial);

// The inversions before and after cancel out: only A's share moves, by length_b zero bytes.
uint64_t combine(uint64_t polynomial, const Powers& powers, uint64_t crc_a, uint64_t crc_b,
                 uint64_t length_b) {
    for (size_t n = 0; length_b != 0; ++n, length_b >>= 1) {
        if ((length_b & 1) != 0) crc_a = multiply(polynomial, powers[n], crc_a);
    }
    return crc_a ^ crc_b;
}

// tables[n][b]: what byte b does when n zero bytes follow it.
using WordTables = std::array<std::array<uint64_t, 256>, 8>;
constexpr WordTables make_word_tables() {
    WordTables tables{};
    for (unsigned i = 0; i < 256; ++i) {
        uint64_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? kNvmePolynomial : 0);
        }
        tables[0][i] = value;
    }
    for (size_t n = 1; n < tables.size(); ++n) {
        for (size_t i = 0; i < 256; ++i) {
            const uint64_t before = tables[n - 1][i];
            tables[n][i] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
    return tables;
}
constexpr WordTables kNvme = make_word_tables();

uint64_t crc64nvme_by_tables(std::string_view data, uint64_t crc) {
    crc = ~crc;
    if constexpr (std::endian::native == std::endian::little) {
        for (; data.size() >= 8; data.remove_prefix(8)) {
            uint64_t word = 0;
            std::memcpy(&word, data.data(), sizeof word);
            word ^= crc;
            crc = 0;
            for (size_t i = 0; i < 8; ++i) crc ^= kNvme[7 - i][(word >> (8 * i)) & 0xff];
        }
    }
    for (const char c : data) {
        crc = kNvme[0][(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}

#ifdef __x86_64__

constexpr uint64_t nvme_power(unsigned n) {
    uint64_t result = uint64_t{1} << 63;
    for (uint64_t x = uint64_t{1} << 62; n != 0; n >>= 1) {
        if ((n & 1) != 0) result = multiply(kNvmePolynomial, result, x);
        x = multiply(kNvmePolynomial, x, x);
    }
    return result;
}

#define XB_FOLDS __attribute__((target("pclmul,sse4.1")))

XB_FOLDS __m128i load(const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

// Moves 16 bytes over those between them and `next`, which `by` stands for. The product of two
// reflected words is one bit short, so the powers are one less than the distance.
XB_FOLDS __m128i fold(__m128i bytes, __m128i by, __m128i next) {
    const __m128i low = _mm_clmulepi64_si128(bytes, by, 0x00);
    const __m128i high = _mm_clmulepi64_si128(bytes, by, 0x11);
    return _mm_xor_si128(next, _mm_xor_si128(low, high));
}

constexpr long long power_for(unsigned bits) {
    return static_cast<long long>(nvme_power(bits - 1));
}

// Four rows of 16 bytes side by side, each folded over the next 64 bytes; in the end what is left
// of all stands in 16 bytes that have the same CRC. At least 64 bytes.
XB_FOLDS uint64_t crc64nvme_by_folding(std::string_view data, uint64_t crc) {
    constexpr size_t kRow = 16;
    constexpr size_t kRows = 4;
    const __m128i by_64 = _mm_set_epi64x(power_for(512), power_for(512 + 64));
    const __m128i by_16 = _mm_set_epi64x(power_for(128), power_for(128 + 64));
    __m128i rows[kRows];
    for (size_t i = 0; i < kRows; ++i) rows[i] = load(data.data() + kRow * i);
    rows[0] = _mm_xor_si128(rows[0], _mm_cvtsi64_si128(static_cast<long long>(~crc)));
    data.remove_prefix(kRow * kRows);
    for (; data.size() >= kRow * kRows; data.remove_prefix(kRow * kRows)) {
        for (size_t i = 0; i < kRows; ++i) {
            rows[i] = fold(rows[i], by_64, load(data.data() + kRow * i));
        }
    }
    __m128i rest = rows[0];
    for (size_t i = 1; i < kRows; ++i) rest = fold(rest, by_16, rows[i]);
    for (; data.size() >= kRow; data.remove_prefix(kRow)) {
        rest = fold(rest, by_16, load(data.data()));
    }
    char bytes[kRow];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), rest);
    // The register begins with zero: it went in with the first bytes.
    return crc64nvme_by_tables(data, crc64nvme_by_tables({bytes, kRow}, ~uint64_t{0}));
}

#define XB_FOLDS_WIDE __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.1")))

// The same with rows of 64 bytes: what is left of all is 256 bytes that have the same CRC. At least
// so many.
XB_FOLDS_WIDE uint64_t crc64nvme_by_wide_folding(std::string_view data, uint64_t crc) {
    constexpr size_t kRow = 64;
    constexpr size_t kRows = 4;
    constexpr int kSumOfThree = 0x96;
    constexpr long long kLow = power_for(2048 + 64);
    constexpr long long kHigh = power_for(2048);
    const __m512i by_256 = _mm512_set_epi64(kHigh, kLow, kHigh, kLow, kHigh, kLow, kHigh, kLow);
    __m512i rows[kRows];
    for (size_t i = 0; i < kRows; ++i) rows[i] = _mm512_loadu_si512(data.data() + kRow * i);
    const __m128i begin = _mm_cvtsi64_si128(static_cast<long long>(~crc));
    rows[0] = _mm512_xor_si512(rows[0], _mm512_zextsi128_si512(begin));
    data.remove_prefix(kRow * kRows);
    for (; data.size() >= kRow * kRows; data.remove_prefix(kRow * kRows)) {
        for (size_t i = 0; i < kRows; ++i) {
            const __m512i low = _mm512_clmulepi64_epi128(rows[i], by_256, 0x00);
            const __m512i high = _mm512_clmulepi64_epi128(rows[i], by_256, 0x11);
            const __m512i next = _mm512_loadu_si512(data.data() + kRow * i);
            rows[i] = _mm512_ternarylogic_epi64(low, high, next, kSumOfThree);
        }
    }
    char bytes[kRow * kRows];
    for (size_t i = 0; i < kRows; ++i) _mm512_storeu_si512(bytes + kRow * i, rows[i]);
    const uint64_t rest = crc64nvme_by_folding({bytes, sizeof bytes}, ~uint64_t{0});
    constexpr size_t kFew = 64;
    return data.size() < kFew ? crc64nvme_by_tables(data, rest) : crc64nvme_by_folding(data, rest);
}

enum class Folding { none, narrow, wide };
Folding folding() {
    static const Folding found = [] {
        const bool narrow =
            __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
        const bool wide =
            __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0;
        return !narrow ? Folding::none : wide ? Folding::wide : Folding::narrow;
    }();
    return found;
}

#endif

}  // namespace

uint64_t crc64(std::string_view data, uint64_t crc) {
    return crc64_ecma_refl(crc, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

uint32_t crc32(std::string_view data, uint32_t crc) {
    return crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

uint32_t crc32c(std::string_view data, uint32_t crc) {
    constexpr size_t kPieceBytes = 1U << 30;  // ISA-L takes an int, and writes to nothing
    crc = ~crc;
    while (!data.empty()) {
        const std::string_view piece = data.substr(0, kPieceBytes);
        auto* bytes =
            const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(piece.data()));
        crc = crc32_iscsi(bytes, static_cast<int>(piece.size()), crc);
        data.remove_prefix(piece.size());
    }
    return ~crc;
}

uint64_t crc64nvme(std::string_view data, uint64_t crc) {
#ifdef __x86_64__
    constexpr size_t kWorthFolding = 128;
    constexpr size_t kWorthWideFolding = 1024;
    if (data.size() >= kWorthWideFolding && folding() == Folding::wide) {
        return crc64nvme_by_wide_folding(data, crc);
    }
    if (data.size() >= kWorthFolding && folding() != Folding::none) {
        return crc64nvme_by_folding(data, crc);
    }
#endif
    return crc64nvme_by_tables(data, crc);
}

uint64_t crc64_combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b) {
    return combine(kPolynomial, kPowers, crc_a, crc_b, length_b);
}

uint64_t crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b) {
    return combine(kNvmePolynomial, kNvmePowers, crc_a, crc_b, length_b);
}

uint64_t crc64(Crc64Kind kind, std::string_view data, uint64_t crc) {
    return kind == Crc64Kind::nvme ? crc64nvme(data, crc) : crc64(data, crc);
}

uint64_t crc64_combine(Crc64Kind kind, uint64_t crc_a, uint64_t crc_b, uint64_t length_b) {
    return kind == Crc64Kind::nvme ? crc64nvme_combine(crc_a, crc_b, length_b)
                                   : crc64_combine(crc_a, crc_b, length_b);
}

}  // namespace xbucket
