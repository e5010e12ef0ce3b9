package io.moraine.jobs.prepare;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.pipeline.hash.Murmur3;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * Makes the benchmarks' JSON lines out of the sources that docs/benchmarks/source-corpus unpacks
 * (LIBRARY/RELEASE/path.java): a corpus of 16 files, the same on every machine.
 *
 * <p>A part of it keeps all releases of a file or none, so that the share of duplicates stays.
 */
final class SourceCorpus {

  private static final int FILES = 16;
  private static final int SHARES = 64;
  private static final Path LICENCE = Path.of("commons-lang3/3.18.0/META-INF/LICENSE.txt");

  private final Path sources;
  private final int shares;
  private final int percentLicensed;
  private long documents;
  private long licensed;
  private long bytes;

  private SourceCorpus(Path sources, int shares, int percentLicensed) {
    this.sources = sources;
    this.shares = shares;
    this.percentLicensed = percentLicensed;
  }

  /**
   * Writes a corpus and prints its size.
   *
   * @param args the sources, the folder to write, how many 64ths of the files, and the percentage
   *     of documents that get the Apache licence's text in front
   */
  public static void main(String[] args) throws IOException {
    int shares = Integer.parseInt(args[2]);
    new SourceCorpus(Path.of(args[0]), shares, Integer.parseInt(args[3])).write(Path.of(args[1]));
  }

  private void write(Path folder) throws IOException {
    Files.createDirectories(folder);
    List<Path> files;
    try (Stream<Path> walked = Files.walk(sources)) {
      files =
          walked.filter(file -> file.toString().endsWith(".java") && isIn(file)).sorted().toList();
    }
    for (int part = 0; part < FILES; part++) {
      Path file = folder.resolve("part-%02d.jsonl.gz".formatted(part));
      int from = (int) ((long) files.size() * part / FILES);
      int to = (int) ((long) files.size() * (part + 1) / FILES);
      try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file), 1 << 16)) {
        for (Path source : files.subList(from, to)) {
          out.write(line(source));
        }
      }
    }
    System.out.printf(
        "%,d documents, %,d with the licence, %,d bytes of text%n", documents, licensed, bytes);
  }

  private boolean isIn(Path file) {
    Path name = sources.relativize(file);
    String withoutRelease = name.getName(0) + "/" + name.subpath(2, name.getNameCount());
    return Long.remainderUnsigned(Murmur3.hash128(withoutRelease).high(), SHARES) < shares;
  }

  private byte[] line(Path file) throws IOException {
    String id = sources.relativize(file).toString();
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8); // a few are Latin-1
    if (Long.remainderUnsigned(Murmur3.hash128(id).low(), 100) < percentLicensed) {
      text = Files.readString(sources.resolve(LICENCE)) + text;
      licensed++;
    }
    documents++;
    bytes += text.getBytes(StandardCharsets.UTF_8).length;
    ObjectNode document = new ObjectMapper().createObjectNode();
    document.put("id", id).put("source", id.substring(0, id.indexOf('/'))).put("text", text);
    return (document + "\n").getBytes(StandardCharsets.UTF_8);
  }
}
