"""Words of a noise stream: philox.py KEY DATAPOINT SAMPLE COUNT. The ten lines that define them."""

import sys


def block(b, key, datapoint, sample, mask=2**32 - 1):
    c, k = [b, sample, datapoint & mask, datapoint >> 32], [key & mask, key >> 32]
    for _ in range(10):
        x, y = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [y >> 32 ^ c[1] ^ k[0], y & mask, x >> 32 ^ c[3] ^ k[1], x & mask]
        k = [k[0] + 0x9E3779B9 & mask, k[1] + 0xBB67AE85 & mask]
    return c


key, datapoint, sample, count = map(int, sys.argv[1:])
for i in range(count):
    print(block(i // 4, key, datapoint, sample)[i % 4])
