/* From a sum to a byte, as our own loops do it. */
#ifndef PLAIN_H
#define PLAIN_H

#include "model.h"

static inline int8_t requantize(const layer *l, int32_t acc, int o)
{
    int32_t shift = -l->shift[o], mask = (1 << shift) - 1;
    int32_t high = (int32_t)(((int64_t)acc * l->multiplier[o] + (1 << 30)) >> 31);
    int32_t value = (high >> shift) + ((high & mask) > (mask >> 1) + (high < 0)) + l->zero_out;
    return (int8_t)(value < l->low ? l->low : value > l->high ? l->high : value);
}

#endif
