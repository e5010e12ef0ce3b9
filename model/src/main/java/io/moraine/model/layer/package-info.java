/**
 * Parts that a layer of the model is made of: norm, rotary positions, SwiGLU feed-forward. The
 * layer itself is in {@code transformer}, linear maps are in {@code precision}.
 */
package io.moraine.model.layer;
