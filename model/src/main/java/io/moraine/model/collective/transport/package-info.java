/**
 * Bytes between ranks: one authenticated connection per pair, a Unix-domain socket within a host
 * and TCP across, frames with length, sequence number and checksum, heartbeats and deadlines. Knows
 * no codec.
 */
package io.moraine.model.collective.transport;
