// SPDX-FileCopyrightText: the xbucket authors
// CRC-64/XZ by ISA-L, which is many times faster than a table (carry-less multiplication where
// the processor has it), and the joining of two CRCs by arithmetic in GF(2)[x]/P. Bits are
// reflected throughout: bit 63 of a word is the coefficient of x^0.
#include "xbucket/base/digest.h"

#include <array>
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

}  // namespace

uint64_t crc64(std::string_view data, uint64_t crc) {
    return crc64_ecma_refl(crc, reinterpret_cast<const unsigned char*>(data.data()), data.size());
}

// The inversions before and after cancel out: only A's share moves, by length_b zero bytes.
uint64_t crc64_combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b) {
    for (size_t n = 0; length_b != 0; ++n, length_b >>= 1) {
        if ((length_b & 1) != 0) crc_a = multiply(kPowers[n], crc_a);
    }
    return crc_a ^ crc_b;
}

}  // namespace xbucket
