package io.moraine.jobs.figures;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;

/** What folders are called beside each other. */
final class PathLabels {

  private PathLabels() {}

  /**
   * The last name of each path, with as many of its parents as tell all of them apart; where the
   * same path comes twice, its place is added.
   */
  static List<String> of(List<String> paths) {
    int most = paths.stream().mapToInt(path -> names(path).size()).max().orElse(0);
    for (int names = 1; names <= most; names++) {
      List<String> labels = new ArrayList<>();
      for (String path : paths) {
        List<String> all = names(path);
        labels.add(String.join("/", all.subList(Math.max(0, all.size() - names), all.size())));
      }
      if (new HashSet<>(labels).size() == labels.size()) {
        return labels;
      }
    }
    return IntStream.range(0, paths.size())
        .mapToObj(i -> "%s (%d)".formatted(paths.get(i), i + 1))
        .toList();
  }

  private static List<String> names(String path) {
    return List.of(path.split("/")).stream().filter(name -> !name.isEmpty()).toList();
  }
}
