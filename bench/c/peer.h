/* What a peer implements; one peer per image. */
#ifndef PEER_H
#define PEER_H
#include "model.h"
/* Prepares for a workload, uncounted; 0 where it has no kernels for it. */
int peer_prepare(const model *m);
/* One inference, counted; the output is where it returns. */
const void *peer_run(const model *m, const void *x);
#endif
