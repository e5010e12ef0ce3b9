package io.moraine.model.tensor;

/** What a run asks for; which {@link Device} that is, {@link Torch#start} says. */
public enum DeviceChoice {
  /** The processor. */
  CPU,
  /** A GPU, or nothing. */
  CUDA,
  /** A GPU where all that it needs is there, else the processor. */
  AUTO
}
