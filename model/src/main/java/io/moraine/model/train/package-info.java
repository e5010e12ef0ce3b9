/**
 * The training loop: one step is forward and backward over micro-batches, a compressed
 * reduce-scatter of gradients beside the last of them, AdamW on the owned shard, an all-gather of
 * the new weights, and the balance of experts. Knows the model as a {@link
 * io.moraine.model.train.TrainableModel} and its {@link io.moraine.model.train.ExpertBalance}.
 */
package io.moraine.model.train;
