/** Parts that attention and experts are made of: norm, rotary positions, SwiGLU feed-forward. */
package io.moraine.model.layer;
