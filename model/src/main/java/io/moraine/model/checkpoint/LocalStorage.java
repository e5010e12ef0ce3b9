package io.moraine.model.checkpoint;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A folder of this machine. */
public record LocalStorage(Path root) implements Storage {

  @Override
  public List<String> list(String folder) throws IOException {
    Path path = root.resolve(folder);
    if (!Files.isDirectory(path)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(path)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Override
  public boolean exists(String file) {
    return Files.exists(root.resolve(file));
  }

  @Override
  public InputStream open(String file) throws IOException {
    return Files.newInputStream(root.resolve(file));
  }

  @Override
  public void write(String file, Content content) throws IOException {
    Path path = root.resolve(file);
    Path beside = path.resolveSibling("." + path.getFileName() + ".new");
    Files.createDirectories(path.getParent());
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(beside))) {
      content.writeTo(out);
    }
    Files.move(beside, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void rename(String folder, String name) throws IOException {
    Files.move(root.resolve(folder), root.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void deleteFolder(String folder) throws IOException {
    Path path = root.resolve(folder);
    if (Files.exists(path)) {
      try (Stream<Path> files = Files.walk(path)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }
}
