#include "steps/gate.h"

void gate_init(struct gate *gate)
{
    pthread_mutex_init(&gate->mutex, NULL);
    gate->closed = gate->begun = false;
}

void gate_destroy(struct gate *gate)
{
    pthread_mutex_destroy(&gate->mutex);
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->closed = gate->begun = false;
    pthread_mutex_unlock(&gate->mutex);
}

bool gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool passes = !gate->closed;
    gate->begun = gate->begun || passes;
    pthread_mutex_unlock(&gate->mutex);
    return passes;
}

bool gate_close(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->closed = true;
    bool begun = gate->begun;
    pthread_mutex_unlock(&gate->mutex);
    return begun;
}

void gate_reopen(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->closed = false;
    pthread_mutex_unlock(&gate->mutex);
}

bool gate_is_closed(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool closed = gate->closed;
    pthread_mutex_unlock(&gate->mutex);
    return closed;
}

bool gate_has_begun(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool begun = gate->begun;
    pthread_mutex_unlock(&gate->mutex);
    return begun;
}
