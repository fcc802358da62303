// SPDX-FileCopyrightText: the xbucket authors
// CRCs by ISA-L, which is many times faster than a table (carry-less multiplication where the
// processor has it), and the joining of two CRC-64/XZ by arithmetic in GF(2)[x]/P. Bits are
// reflected throughout: bit 63 of a word is the coefficient of x^0. CRC-64/NVME, which ISA-L has
// from 2.31 on only, goes by eight tables, a word at a time.
#include "xbucket/base/digest.h"

#include <array>
#include <bit>
#include <cstring>
#include <isa-l/crc.h>
#include <isa-l/crc64.h>

namespace xbucket {
namespace {

constexpr uint64_t kPolynomial = 0xC96C5795D7870F42U;

// a * b mod P.
constexpr uint64_t multiply(uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (uint64_t bit = uint64_t{1} << 63; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
    }
    return product;
}

// kPowers[n] is x^(8 * 2^n) mod P: the effect of 2^n zero bytes.
constexpr std::array<uint64_t, 64> make_powers() {
    std::array<uint64_t, 64> powers{};
    uint64_t power = uint64_t{1} << 55;  // x^8
    for (uint64_t& entry : powers) {
        entry = power;
        power = multiply(power, power);
    }
    return powers;
}
constexpr std::array<uint64_t, 64> kPowers = make_powers();

constexpr uint64_t kNvmePolynomial = 0x9A6C9329AC4BC9B5U;

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

// The inversions before and after cancel out: only A's share moves, by length_b zero bytes.
uint64_t crc64_combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b) {
    for (size_t n = 0; length_b != 0; ++n, length_b >>= 1) {
        if ((length_b & 1) != 0) crc_a = multiply(kPowers[n], crc_a);
    }
    return crc_a ^ crc_b;
}

}  // namespace xbucket
