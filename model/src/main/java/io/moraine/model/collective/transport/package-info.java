/**
 * Bytes between ranks: one authenticated TCP connection per pair, frames with length, sequence
 * number and checksum, heartbeats and deadlines. Knows no codec.
 */
package io.moraine.model.collective.transport;
