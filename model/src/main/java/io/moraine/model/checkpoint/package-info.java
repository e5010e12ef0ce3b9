/**
 * What is stored of a run: the safetensors format, the {@link io.moraine.model.checkpoint.Storage}
 * that holds files, and whole checkpoints made of one shard per rank.
 */
package io.moraine.model.checkpoint;
