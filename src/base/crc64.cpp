// SPDX-FileCopyrightText: the xbucket authors
// CRC-64/XZ eight bytes at a time, and the joining of two CRCs by arithmetic in GF(2)[x]/P.
// Bits are reflected throughout: bit 63 of a word is the coefficient of x^0.
#include "xbucket/base/digest.h"

#include <array>
#include <bit>
#include <cstring>

namespace xbucket {
namespace {

constexpr uint64_t kPolynomial = 0xC96C5795D7870F42U;

using Table = std::array<std::array<uint64_t, 256>, 8>;

// kTable[k][b] is the CRC register after byte b and then k zero bytes.
constexpr Table make_table() {
    Table table{};
    for (size_t b = 0; b < 256; ++b) {
        uint64_t crc = b;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
        table[0][b] = crc;
    }
    for (size_t k = 1; k < 8; ++k) {
        for (size_t b = 0; b < 256; ++b) {
            const uint64_t previous = table[k - 1][b];
            table[k][b] = (previous >> 8) ^ table[0][previous & 0xFF];
        }
    }
    return table;
}
constexpr Table kTable = make_table();

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

uint64_t load_little_endian(const char* from) {
    uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
}

}  // namespace

uint64_t crc64(std::string_view data, uint64_t crc) {
    crc = ~crc;
    const char* at = data.data();
    size_t left = data.size();
    for (; left >= 8; at += 8, left -= 8) {
        const uint64_t word = crc ^ load_little_endian(at);
        crc = kTable[7][word & 0xFF] ^ kTable[6][(word >> 8) & 0xFF] ^
              kTable[5][(word >> 16) & 0xFF] ^ kTable[4][(word >> 24) & 0xFF] ^
              kTable[3][(word >> 32) & 0xFF] ^ kTable[2][(word >> 40) & 0xFF] ^
              kTable[1][(word >> 48) & 0xFF] ^ kTable[0][word >> 56];
    }
    for (; left > 0; ++at, --left) {
        crc = (crc >> 8) ^ kTable[0][(crc ^ static_cast<unsigned char>(*at)) & 0xFF];
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
