package io.moraine.model.collective.transport;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** How ranks that nobody introduces to each other, as Spark's barrier does, become a mesh. */
public final class Rendezvous {

  private static final long POLL_MILLIS = 20;

  private Rendezvous() {}

  /**
   * Each rank leaves its address in a folder that all of them see; the files are gone afterwards.
   *
   * @param listener this rank's; closed when all are connected
   * @throws TransportException if a rank is not there within the deadline of silence, or if the run
   *     id was used before and its files are still there
   */
  public static Mesh inFolder(MeshConfig config, Path folder, Listener listener) {
    Path own = file(config, folder, config.rank());
    try (listener) {
      if (Files.exists(own)) {
        throw new TransportException(
            "%s is there already: each attempt of a run needs a run id of its own".formatted(own));
      }
      try {
        write(own, listener.address());
        // Whoever has connected has read all addresses.
        return Mesh.connect(config, listener, await(config, folder));
      } finally {
        Files.deleteIfExists(own);
      }
    } catch (IOException e) {
      throw new TransportException("rendezvous in %s: %s".formatted(folder, e.getMessage()), e);
    }
  }

  /**
   * Each rank listens where a list says.
   *
   * @param addresses {@code host:port} of every rank, by rank
   * @throws TransportException if a rank is not there within the deadline of silence
   */
  public static Mesh at(MeshConfig config, List<String> addresses) {
    if (addresses.size() != config.worldSize()) {
      throw new IllegalArgumentException(
          "%d ranks need as many addresses, got %d"
              .formatted(config.worldSize(), addresses.size()));
    }
    return Mesh.connect(config, Listener.at(addresses.get(config.rank())), addresses);
  }

  /** Whole or not at all, whenever others look. */
  private static void write(Path file, String address) throws IOException {
    Path folder = Files.createDirectories(file.toAbsolutePath().getParent());
    Path part = Files.createTempFile(folder, "moraine-", ".part");
    Files.writeString(part, address);
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static List<String> await(MeshConfig config, Path folder) throws IOException {
    long deadline = System.nanoTime() + config.silence().toNanos();
    Set<Integer> missing = missing(config, folder);
    while (!missing.isEmpty()) {
      if (System.nanoTime() > deadline) {
        throw new TransportException(
            "ranks %s of run %s left no address in %s within %d ms"
                .formatted(missing, config.runId(), folder, config.silence().toMillis()));
      }
      if (config.isCancelled().getAsBoolean() || !slept()) {
        throw new TransportException("cancelled while waiting for ranks " + missing);
      }
      missing = missing(config, folder);
    }
    List<String> addresses = new ArrayList<>();
    for (int rank = 0; rank < config.worldSize(); rank++) {
      addresses.add(Files.readString(file(config, folder, rank)));
    }
    return addresses;
  }

  private static Set<Integer> missing(MeshConfig config, Path folder) {
    Set<Integer> missing = new TreeSet<>();
    for (int rank = 0; rank < config.worldSize(); rank++) {
      if (!Files.exists(file(config, folder, rank))) {
        missing.add(rank);
      }
    }
    return missing;
  }

  private static Path file(MeshConfig config, Path folder, int rank) {
    String run = URLEncoder.encode(config.runId(), StandardCharsets.UTF_8);
    return folder.resolve("%s.rank-%d".formatted(run, rank));
  }

  private static boolean slept() {
    try {
      Thread.sleep(POLL_MILLIS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
