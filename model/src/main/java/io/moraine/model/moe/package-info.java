/**
 * Mixture of experts: the {@link io.moraine.model.moe.Router} picks experts for each token, {@link
 * io.moraine.model.moe.MoeLayer} sends tokens through them and adds the shared experts. The routed
 * ones are on this rank ({@link io.moraine.model.moe.LocalExperts}) or each on its owner ({@link
 * io.moraine.model.moe.ExpertsOnOwners}), to which {@link io.moraine.model.moe.ExpertExchange}
 * carries rows.
 */
package io.moraine.model.moe;
