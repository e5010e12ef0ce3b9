/**
 * The training loop: one step is forward and backward over micro-batches, a compressed
 * reduce-scatter of gradients, AdamW on the owned shard, and an all-gather of the new weights.
 * Knows the model only as a {@link io.moraine.model.train.TrainableModel}.
 */
package io.moraine.model.train;
