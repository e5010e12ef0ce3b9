/**
 * Collectives over flat float32 ranges: reduce-scatter, all-gather and small exact ones, by a
 * {@link io.moraine.model.collective.Communicator}. Knows no model types.
 */
package io.moraine.model.collective;
