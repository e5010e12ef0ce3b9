/** Multi-head latent attention: {@link io.moraine.model.attention.LatentAttention}. */
package io.moraine.model.attention;
