package io.moraine.model.collective;

/** Between whom the large collectives, reduce-scatter, all-gather and all-reduce, run. */
public enum Hierarchy {
  /** All ranks, each with every other. */
  FLAT,
  /** Within each host first and last, and between hosts once, if all hosts have as many ranks. */
  HOSTS
}
