/** Optimizers and schedules over flat arrays. Knows no model, no collective. */
package io.moraine.model.optim;
