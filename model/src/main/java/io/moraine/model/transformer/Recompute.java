package io.moraine.model.transformer;

/** What of a forward pass is computed again in backward instead of being kept until then. */
public enum Recompute {
  /** Nothing. */
  NONE,
  /** All within a layer: of each layer its input alone is kept. */
  LAYERS
}
