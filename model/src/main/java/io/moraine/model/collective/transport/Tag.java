package io.moraine.model.collective.transport;

/**
 * Which collective a frame belongs to: two ranks that do not run the same one notice at its first
 * frame.
 *
 * @param number of the collective on this rank, from 1
 * @param step of the training
 */
public record Tag(Operation operation, int number, long step) {

  @Override
  public String toString() {
    return "%s (collective %d, step %d)".formatted(operation, number, step);
  }
}
