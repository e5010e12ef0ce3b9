/**
 * Hash functions whose values are stored: {@link io.moraine.pipeline.hash.Murmur3} for bytes,
 * {@link io.moraine.pipeline.hash.Mix64} for combining 64-bit words. May use no other package.
 */
package io.moraine.pipeline.hash;
