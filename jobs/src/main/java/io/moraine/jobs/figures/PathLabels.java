package io.moraine.jobs.figures;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;

/** What folders are called beside each other. */
final class PathLabels {

  /** Bytes of a longer name that are shown: its last ones. A thousand rows may have it. */
  private static final int LONGEST = 40;

  private PathLabels() {}

  /**
   * The last name of each path, with as many of its parents as tell all of them apart; where the
   * same path comes twice, its place is added. One that does not begin with a letter has a word
   * before it: charts take what begins as a number does for that number.
   */
  static List<String> of(List<String> paths) {
    int most = paths.stream().mapToInt(path -> names(path).size()).max().orElse(0);
    for (int names = 1; names <= most; names++) {
      List<String> labels = new ArrayList<>();
      for (String path : paths) {
        List<String> all = names(path);
        labels.add(
            label(String.join("/", all.subList(Math.max(0, all.size() - names), all.size()))));
      }
      if (new HashSet<>(labels).size() == labels.size()) {
        return labels;
      }
    }
    return IntStream.range(0, paths.size())
        .mapToObj(i -> label("%s (%d)".formatted(paths.get(i), i + 1)))
        .toList();
  }

  private static String label(String name) {
    String plain = VisibleText.plain(name).replaceAll("\\s", " ");
    String end = VisibleText.end(plain, LONGEST);
    String shown = end.equals(plain) ? plain : "..." + end;
    boolean isWord =
        !shown.isEmpty()
            && Character.isLetter(shown.codePointAt(0))
            && !shown.startsWith("Infinity")
            && !shown.startsWith("NaN");
    return isWord ? shown : "folder " + shown;
  }

  private static List<String> names(String path) {
    return List.of(path.split("/")).stream().filter(name -> !name.isEmpty()).toList();
  }
}
