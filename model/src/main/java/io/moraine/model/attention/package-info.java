/**
 * Attention: {@link io.moraine.model.attention.LatentAttention}, DeepSeek's, and {@link
 * io.moraine.model.attention.GroupedQueryAttention}, that of the dense baseline.
 */
package io.moraine.model.attention;
