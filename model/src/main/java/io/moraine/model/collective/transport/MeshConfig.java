package io.moraine.model.collective.transport;

import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * What a rank needs to join the others.
 *
 * @param rank of this process, in [0, worldSize)
 * @param worldSize number of ranks, P
 * @param runId names the run and its attempt; ranks of another one are refused
 * @param secret shared by the ranks of the run and by nobody else
 * @param silence longest time without a sign of life from a peer
 * @param compute longest time that a living peer may take to deliver all of an operation
 * @param isCancelled asked a few times a second while waiting; true ends the wait
 * @param tls encrypts TCP connections; Unix-domain sockets never leave a host and stay as they are
 */
public record MeshConfig(
    int rank,
    int worldSize,
    String runId,
    byte[] secret,
    Duration silence,
    Duration compute,
    BooleanSupplier isCancelled,
    Optional<Tls> tls) {

  public MeshConfig {
    if (worldSize < 1 || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "rank must be in [0, world size), got %d and %d".formatted(rank, worldSize));
    }
    if (secret.length < 16) {
      throw new IllegalArgumentException(
          "secret must have at least 16 bytes, got %d".formatted(secret.length));
    }
  }

  /** Without TLS. */
  public MeshConfig(
      int rank,
      int worldSize,
      String runId,
      byte[] secret,
      Duration silence,
      Duration compute,
      BooleanSupplier isCancelled) {
    this(rank, worldSize, runId, secret, silence, compute, isCancelled, Optional.empty());
  }

  /** The same with TLS. */
  public MeshConfig withTls(Tls used) {
    return new MeshConfig(
        rank, worldSize, runId, secret, silence, compute, isCancelled, Optional.of(used));
  }
}
