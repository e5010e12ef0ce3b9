/**
 * MinHash signatures in one pass over a shingle set: {@link io.moraine.pipeline.minhash.MinHasher}.
 */
package io.moraine.pipeline.minhash;
