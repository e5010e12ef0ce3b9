/**
 * Storage that the whole trainer agrees on: {@link io.moraine.model.tensor.FlatBuffer}, one
 * contiguous float32 array with named slices, and what binds it to libtorch. May use no other
 * package of this module.
 */
package io.moraine.model.tensor;
