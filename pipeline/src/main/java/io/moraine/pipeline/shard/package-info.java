/**
 * Token shards as other trainers read them: {@link io.moraine.pipeline.shard.ShardFormat} says
 * which there are and what each can hold, {@link io.moraine.pipeline.shard.ShardWriter} writes one.
 * The byte layouts are in docs/formats.md. Knows no file system.
 */
package io.moraine.pipeline.shard;
