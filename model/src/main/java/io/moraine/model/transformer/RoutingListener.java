package io.moraine.model.transformer;

import io.moraine.model.moe.MoeLayer;
import io.moraine.model.moe.Router;

/** Hears what each MoE layer did with its tokens, in the order of the layers. */
interface RoutingListener {

  /** Nobody listens. */
  RoutingListener UNHEARD = (router, result) -> {};

  void accept(Router router, MoeLayer.Result result);
}
