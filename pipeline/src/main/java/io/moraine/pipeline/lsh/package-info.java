/**
 * Locality-sensitive hashing of signatures: bands, band keys, and how likely a pair becomes a
 * candidate.
 */
package io.moraine.pipeline.lsh;
