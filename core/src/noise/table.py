"""Generates normal_table.rs, the coefficients of the standard normal's inverse CDF.

    python3 core/src/noise/table.py > core/src/noise/normal_table.rs

Needs mpmath and numpy. Segment `4 n + s` covers p in 2^-(n + 2) * [1 + s/4, 1 + (s + 1)/4). Over
it, a polynomial of degree 4 in t = 2^24 u, u in [-1, 1), approximates |z| = -Phi^-1(p): least
squares on Chebyshev nodes. Coefficients are rounded to f32 from the leading one down, each time
fitting the rest anew, so that the lower ones make up for the rounding of the higher ones.
"""

import mpmath
import numpy

OCTAVES, SUBSEGMENTS, DEGREE, NODES = 32, 4, 4, 48
T_BITS = 24  # t = u * 2^T_BITS, an integer on the device


def quantile(p):
    """-Phi^-1(p) for p in (0, 1/2], in 40 digits."""
    return mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.mpf(p))


def fit(octave, subsegment):
    u = numpy.cos(numpy.pi * (numpy.arange(NODES) + 0.5) / NODES)
    p = 2.0 ** -(octave + 2) * (1 + (subsegment + (u + 1) / 2) / SUBSEGMENTS)
    rest = numpy.array([float(quantile(p)) for p in p])
    row = [None] * (DEGREE + 1)
    for k in reversed(range(DEGREE + 1)):
        powers = numpy.stack([u**j for j in range(k + 1)], axis=1)
        leading = numpy.linalg.lstsq(powers, rest, rcond=None)[0][k]
        row[k] = numpy.float32(leading) * numpy.float32(2.0 ** (-T_BITS * k))
        rest = rest - float(numpy.float32(leading)) * u**k
    return row


def fnv1a(words):
    """FNV-1a, 64 bits, over the little-endian bytes of the words."""
    digest = 0xCBF29CE484222325
    for byte in b"".join(int(word).to_bytes(4, "little") for word in words):
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest


def main():
    mpmath.mp.dps = 40
    rows = [fit(n, s) for n in range(OCTAVES) for s in range(SUBSEGMENTS)]
    assert all(abs(c) > 1.2e-38 for row in rows for c in row), "subnormal coefficient"
    checksum = fnv1a(c.view(numpy.uint32) for row in rows for c in row)
    print("//! Coefficients of the inverse CDF. Printed by `table.py`; do not edit.")
    print()
    print("/// FNV-1a checksum of the bits of [`TABLE`].")
    print("#[cfg(test)]")
    print(f"pub(super) const CHECKSUM: u64 = {checksum:#018x};")
    print()
    print("/// Row `4 n + s`: the polynomial in `t` over octave `n`, subsegment `s`, constant term first.")
    print("#[rustfmt::skip]")
    print(f"pub(super) static TABLE: [[f32; {DEGREE + 1}]; {len(rows)}] = [")
    for row in rows:
        print("    [" + ", ".join(f"{c!s}" for c in row) + "],")
    print("];")


if __name__ == "__main__":
    main()
