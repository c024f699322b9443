/* W2 on bytes with microflow, compiled from Rust, weights included. It rounds once, in f32, where the
 * reference rounds twice: a value may be a step off. */
#include "peer.h"

void microflow_run(const int8_t *x, int8_t *y);

static int8_t y[640];

int peer_prepare(const model *m) { return !m->is_f32; }

const void *peer_run(const model *m, const void *x)
{
    if (m->layers == 0) return x;
    microflow_run(x, y);
    return y;
}
