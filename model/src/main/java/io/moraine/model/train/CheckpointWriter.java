package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.collective.Communicator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Writes checkpoints while training goes on: each rank's file by a thread of its own; the manifest,
 * which makes the checkpoint whole, when all ranks have written theirs. One at a time.
 */
final class CheckpointWriter implements AutoCloseable {

  /**
   * A checkpoint that is being written.
   *
   * @param digest of this rank's file, once it is written
   */
  private record Pending(long step, Checkpoint.State state, CompletableFuture<String> digest) {}

  private final Checkpoints checkpoints;
  private final Communicator communicator;
  private final TrainObserver observer;
  private final TrainConfig.Every every;
  private Optional<Pending> pending = Optional.empty();

  CheckpointWriter(
      Checkpoints checkpoints,
      Communicator communicator,
      TrainObserver observer,
      TrainConfig.Every every) {
    this.checkpoints = checkpoints;
    this.communicator = communicator;
    this.observer = observer;
    this.every = every;
  }

  /**
   * Begins a checkpoint; the one before it is finished first. All ranks call it together.
   *
   * @param shard of this rank, whose arrays are nobody else's any more
   */
  void begin(long step, Checkpoint.State state, Safetensors shard) throws IOException {
    finish();
    CompletableFuture<String> digest = new CompletableFuture<>();
    Thread writer =
        new Thread(
            () -> {
              try {
                digest.complete(
                    checkpoints.writeShard(
                        step, communicator.rank(), communicator.worldSize(), shard));
              } catch (Throwable e) { // whatever it is, somebody waits
                digest.completeExceptionally(e);
              }
            },
            "moraine checkpoint");
    writer.setDaemon(true);
    writer.start();
    pending = Optional.of(new Pending(step, state, digest));
  }

  /** Whether this rank is done with a checkpoint that is not finished yet, in whichever way. */
  boolean hasWritten() {
    return pending.isPresent() && pending.get().digest().isDone();
  }

  /**
   * Makes the checkpoint that is being written whole, if there is one. All ranks call it together.
   *
   * @throws IOException if this rank's file could not be written
   */
  void finish() throws IOException {
    if (pending.isEmpty()) {
      return;
    }
    Pending written = pending.get();
    byte[] own = digest(written).getBytes(StandardCharsets.US_ASCII);
    byte[][] digests = communicator.allGatherBytes(own);
    if (communicator.rank() == 0) {
      Map<String, String> files = new TreeMap<>();
      for (int rank = 0; rank < digests.length; rank++) {
        files.put(
            Checkpoints.shardFile(rank, digests.length),
            new String(digests[rank], StandardCharsets.US_ASCII));
      }
      observer.checkpointing(written.step());
      checkpoints.writeManifest(written.step(), written.state(), files);
      observer.checkpointed(written.step());
      checkpoints.prune(written.step(), every.keep(), every.keepBest());
    }
    communicator.barrier();
    pending = Optional.empty();
  }

  private static String digest(Pending written) throws IOException {
    try {
      return written.digest().join();
    } catch (CompletionException e) {
      throw new IOException(
          "the checkpoint of step %d could not be written: %s"
              .formatted(written.step(), e.getCause()),
          e.getCause());
    }
  }

  /** Waits until nothing is being written: whoever resumes this run writes the same files. */
  @Override
  public void close() {
    pending.ifPresent(written -> written.digest().handle((digest, failure) -> digest).join());
  }
}
