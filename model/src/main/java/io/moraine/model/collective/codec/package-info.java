/**
 * How a range of float32 is written on the wire: {@link
 * io.moraine.model.collective.codec.GradientCodec}. Knows no transport.
 */
package io.moraine.model.collective.codec;
