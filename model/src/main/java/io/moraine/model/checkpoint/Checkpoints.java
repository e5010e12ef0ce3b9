package io.moraine.model.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The checkpoints of a run: {@code checkpoints/step-00000200/} with one safetensors file per rank,
 * and a manifest with their digests that is written last. Without its manifest, or with a file that
 * does not match it, a checkpoint is not whole and is passed over.
 */
public final class Checkpoints {

  private static final String ROOT = "checkpoints";
  private static final String MANIFEST = "manifest.json";
  private static final String DAMAGED = "damaged-";
  private static final int FORMAT_VERSION = 1;
  private static final JsonMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private final Storage storage;

  public Checkpoints(Storage storage) {
    this.storage = storage;
  }

  /** Name of a rank's file. */
  public static String shardFile(int rank, int worldSize) {
    return "rank-%05d-of-%05d.safetensors".formatted(rank, worldSize);
  }

  /**
   * Writes one rank's file.
   *
   * @return SHA-256 of the file, in hex
   */
  public String writeShard(long step, int rank, int worldSize, Safetensors content)
      throws IOException {
    MessageDigest digest = sha256();
    storage.write(
        folder(step) + "/" + shardFile(rank, worldSize),
        out -> {
          DigestOutputStream digesting = new DigestOutputStream(out, digest);
          content.write(digesting);
          digesting.flush();
        });
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Makes a checkpoint whole: every rank's file is there and has this digest. */
  public void writeManifest(long step, Checkpoint.State state, Map<String, String> digests)
      throws IOException {
    ObjectNode manifest = JSON.createObjectNode();
    manifest.put("format_version", FORMAT_VERSION);
    manifest.put("step", step);
    manifest.set("state", JSON.valueToTree(state));
    ObjectNode files = manifest.putObject("files");
    new TreeMap<>(digests).forEach(files::put);
    byte[] text = (manifest.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
    storage.write(folder(step) + "/" + MANIFEST, out -> out.write(text));
  }

  /**
   * The newest whole checkpoint.
   *
   * @param skipped told about every newer one that is not whole, and why
   * @return empty if none was ever finished
   * @throws CorruptDataException if some were finished and all of those are damaged: to start over
   *     silently would lose the run
   * @cost reads all files of that checkpoint, for their digests
   */
  public Optional<Checkpoint> newestWhole(Consumer<String> skipped) throws IOException {
    List<String> folders =
        storage.list(ROOT).stream()
            .filter(name -> name.startsWith("step-"))
            .sorted(Comparator.reverseOrder())
            .toList();
    boolean finished = false;
    for (String name : folders) {
      finished |= storage.exists(ROOT + "/" + name + "/" + MANIFEST);
      try {
        return Optional.of(verified(ROOT + "/" + name));
      } catch (CorruptDataException e) {
        skipped.accept("checkpoint %s is passed over: %s".formatted(name, e.getMessage()));
      }
    }
    if (finished) {
      throw new CorruptDataException(
          "every finished checkpoint is damaged. Restore one from a copy, or start over with --resume never.");
    }
    return Optional.empty();
  }

  /**
   * Puts finished checkpoints aside that are newer than one that {@link #newestWhole} found, which
   * therefore are damaged: under other names they count no more, and are there for people to look
   * at.
   *
   * @param step of the one that was found
   * @param said told about each, with its new name
   */
  public void setAside(long step, Consumer<String> said) throws IOException {
    for (long damaged : finished()) {
      if (damaged > step) {
        String aside = asideName(damaged);
        storage.rename(folder(damaged), ROOT + "/" + aside);
        said.accept(
            "the damaged checkpoint %s is kept as %s/%s".formatted(name(damaged), ROOT, aside));
      }
    }
  }

  /** That nothing has yet: the same step may be damaged again. */
  private String asideName(long step) throws IOException {
    List<String> names = storage.list(ROOT);
    String aside = DAMAGED + name(step);
    for (int more = 2; names.contains(aside); more++) {
      aside = "%s%s-%d".formatted(DAMAGED, name(step), more);
    }
    return aside;
  }

  /**
   * The checkpoint of a step; empty if it has no manifest.
   *
   * @throws CorruptDataException if it is damaged
   */
  public Optional<Checkpoint> of(long step) throws IOException {
    return finished().contains(step) ? Optional.of(verified(folder(step))) : Optional.empty();
  }

  /** What the manifest of a finished checkpoint says; its files are not looked at. */
  public Checkpoint.State state(long step) throws IOException {
    String manifest = folder(step) + "/" + MANIFEST;
    return state(readManifest(manifest), manifest);
  }

  /** Whether there is a finished checkpoint of any step but 0. */
  public boolean hasBegun() throws IOException {
    return finished().stream().anyMatch(step -> step > 0);
  }

  /** The steps of checkpoints that have a manifest, ascending; their files are not looked at. */
  public List<Long> finished() throws IOException {
    List<Long> steps = new ArrayList<>();
    for (String name : storage.list(ROOT)) {
      if (name.matches("step-\\d+") && storage.exists(ROOT + "/" + name + "/" + MANIFEST)) {
        steps.add(Long.parseLong(name.substring("step-".length())));
      }
    }
    return steps.stream().sorted().toList();
  }

  /** Reads one file of a checkpoint. */
  public Safetensors read(Checkpoint checkpoint, String file) throws IOException {
    String path = checkpoint.folder() + "/" + file;
    try (InputStream in = storage.open(path)) {
      return Safetensors.read(in, path);
    }
  }

  /**
   * Deletes checkpoints up to a step, but the newest finished ones and those with the lowest
   * held-out loss, the earlier one of equal ones. Losses on another number of sequences than the
   * newest one's are not compared with it.
   *
   * @param keep number of the newest
   * @param keepBest number of those with the lowest loss, which may be among the newest
   */
  public void prune(long newestStep, int keep, int keepBest) throws IOException {
    List<String> all =
        storage.list(ROOT).stream()
            .filter(name -> name.startsWith("step-") && name.compareTo(name(newestStep)) <= 0)
            .sorted(Comparator.reverseOrder())
            .toList();
    Set<String> best = keepBest > 0 ? best(all, keepBest) : Set.of();
    int kept = 0;
    for (String name : all) {
      boolean isFinished = storage.exists(ROOT + "/" + name + "/" + MANIFEST);
      if (isFinished && kept < keep) {
        kept++;
      } else if (!best.contains(name)) {
        storage.deleteFolder(ROOT + "/" + name);
      }
    }
  }

  /**
   * The best of them.
   *
   * @param names the newest first
   */
  private Set<String> best(List<String> names, int count) throws IOException {
    Map<String, Double> losses = new HashMap<>();
    long sequences = -1;
    for (String name : names) {
      JsonNode state = stateOrNothing(name);
      if (state.path("heldOutLoss").isNumber()) {
        long measured = state.path("heldOutSequences").asLong();
        sequences = sequences < 0 ? measured : sequences;
        if (measured == sequences) {
          losses.put(name, state.path("heldOutLoss").asDouble());
        }
      }
    }
    Comparator<String> byLoss = Comparator.comparing(losses::get);
    return losses.keySet().stream()
        .sorted(byLoss.thenComparing(Comparator.naturalOrder()))
        .limit(count)
        .collect(Collectors.toSet());
  }

  /** Nothing where there is no manifest, or a damaged one. */
  private JsonNode stateOrNothing(String name) throws IOException {
    String manifest = ROOT + "/" + name + "/" + MANIFEST;
    try {
      return storage.exists(manifest) ? readManifest(manifest).path("state") : JSON.missingNode();
    } catch (CorruptDataException e) {
      return JSON.missingNode();
    }
  }

  /** Deletes every checkpoint: a run starts over. */
  public void deleteAll() throws IOException {
    storage.deleteFolder(ROOT);
  }

  private Checkpoint verified(String folder) throws IOException {
    String manifestFile = folder + "/" + MANIFEST;
    if (!storage.exists(manifestFile)) {
      throw new CorruptDataException("it has no manifest, it was not finished.");
    }
    JsonNode manifest = readManifest(manifestFile);
    Map<String, String> files = new TreeMap<>();
    manifest
        .path("files")
        .fields()
        .forEachRemaining(f -> files.put(f.getKey(), f.getValue().asText()));
    for (Map.Entry<String, String> file : files.entrySet()) {
      String path = folder + "/" + file.getKey();
      if (!storage.exists(path)) {
        throw new CorruptDataException("%s is missing.".formatted(path));
      }
      String digest = digestOf(path);
      if (!digest.equals(file.getValue())) {
        throw new CorruptDataException(
            "%s is damaged: SHA-256 %s, the manifest says %s."
                .formatted(path, digest, file.getValue()));
      }
    }
    return new Checkpoint(
        manifest.path("step").asLong(), folder, state(manifest, manifestFile), files);
  }

  private static Checkpoint.State state(JsonNode manifest, String file)
      throws CorruptDataException {
    try {
      return JSON.treeToValue(manifest.path("state"), Checkpoint.State.class);
    } catch (JsonProcessingException e) {
      throw new CorruptDataException("%s has no state.".formatted(file));
    }
  }

  private JsonNode readManifest(String file) throws IOException {
    try (InputStream in = storage.open(file)) {
      JsonNode manifest = JSON.readTree(in);
      if (manifest.path("format_version").asInt() != FORMAT_VERSION) {
        throw new CorruptDataException(
            "%s has format version %s, this program reads %d."
                .formatted(file, manifest.path("format_version"), FORMAT_VERSION));
      }
      return manifest;
    } catch (JsonProcessingException e) {
      throw new CorruptDataException("%s is not JSON.".formatted(file));
    }
  }

  private String digestOf(String file) throws IOException {
    MessageDigest digest = sha256();
    try (DigestInputStream in = new DigestInputStream(storage.open(file), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static String folder(long step) {
    return ROOT + "/" + name(step);
  }

  private static String name(long step) {
    return "step-%08d".formatted(step);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("unreachable: every JDK has SHA-256", e);
    }
  }
}
