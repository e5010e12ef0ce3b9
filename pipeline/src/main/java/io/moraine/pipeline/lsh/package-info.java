/**
 * Who is compared with whom. Locality-sensitive hashing of signatures: bands, band keys, how likely
 * a pair becomes a candidate; and, within crowded buckets, exact filtering by rare shingles.
 */
package io.moraine.pipeline.lsh;
