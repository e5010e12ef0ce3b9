package io.moraine.model.precision;

/** What stands behind a forward product until backward has come by. */
interface Behind {

  /** Frees what is held; libtorch must not call any more. */
  void release();

  /** Counts one more user, as libtorch's own reference is a weak one. */
  void retain();
}
