/**
 * Mixture of experts: the {@link io.moraine.model.moe.Router} picks experts for each token, {@link
 * io.moraine.model.moe.MoeLayer} sends tokens through them and adds the shared experts.
 */
package io.moraine.model.moe;
