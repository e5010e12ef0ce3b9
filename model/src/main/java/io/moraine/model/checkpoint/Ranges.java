package io.moraine.model.checkpoint;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Ranges of the flat parameters, in the order in which an array has their elements.
 *
 * @param list none empty, none meeting another
 */
public record Ranges(List<Range> list) {

  /** Elements {@code [from, to)}. */
  public record Range(long from, long to) {

    public Range {
      if (from < 0 || to <= from) {
        throw new IllegalArgumentException("a range must not be empty, got " + from + "-" + to);
      }
    }

    /** Its elements. */
    public int length() {
      return Math.toIntExact(to - from);
    }
  }

  public Ranges {
    List<Range> joined = new ArrayList<>();
    for (Range range : list) {
      int last = joined.size() - 1;
      if (last >= 0 && joined.get(last).to == range.from) {
        joined.set(last, new Range(joined.get(last).from, range.to));
      } else {
        joined.add(range);
      }
    }
    list = List.copyOf(joined);
  }

  /** One range, or none if it is empty. */
  public static Ranges of(long from, long to) {
    return new Ranges(from < to ? List.of(new Range(from, to)) : List.of());
  }

  /** As {@link #written} has them. */
  @JsonCreator
  public static Ranges parse(String written) {
    return new Ranges(
        Arrays.stream(written.split(" "))
            .filter(range -> !range.isEmpty())
            .map(Ranges::range)
            .toList());
  }

  /** As text: {@code 0-4096 8192-9216}. */
  @JsonValue
  public String written() {
    return list.stream()
        .map(range -> range.from() + "-" + range.to())
        .collect(Collectors.joining(" "));
  }

  /** Whether each of so many elements is in one of these, and in one alone. */
  static boolean areWhole(List<Ranges> all, long length) {
    List<Range> sorted =
        all.stream()
            .flatMap(ranges -> ranges.list.stream())
            .sorted(Comparator.comparingLong(Range::from))
            .toList();
    return new Ranges(sorted).equals(of(0, length));
  }

  /** Whether there is an element that both have. */
  public boolean meet(Ranges other) {
    return list.stream()
        .anyMatch(a -> other.list.stream().anyMatch(b -> a.from < b.to && b.from < a.to));
  }

  /** Copies the elements that both have. */
  public void copy(float[] src, float[] dst, Ranges dstRanges) {
    meet(dstRanges, (from, to, length) -> System.arraycopy(src, from, dst, to, length));
  }

  /** Hears of elements that two arrays have. */
  @FunctionalInterface
  public interface Meeting {
    void at(int here, int there, int length);
  }

  /** Tells where both have the same elements, each once. */
  public void meet(Ranges other, Meeting meeting) {
    int srcStart = 0;
    for (Range a : list) {
      int dstStart = 0;
      for (Range b : other.list) {
        long from = Math.max(a.from, b.from);
        long to = Math.min(a.to, b.to);
        if (from < to) {
          int srcOffset = srcStart + Math.toIntExact(from - a.from);
          int dstOffset = dstStart + Math.toIntExact(from - b.from);
          meeting.at(srcOffset, dstOffset, Math.toIntExact(to - from));
        }
        dstStart += b.length();
      }
      srcStart += a.length();
    }
  }

  private static Range range(String written) {
    int dash = written.indexOf('-');
    if (dash < 0) {
      throw new IllegalArgumentException("a range is written as 0-4096, got " + written);
    }
    return new Range(
        Long.parseLong(written.substring(0, dash)), Long.parseLong(written.substring(dash + 1)));
  }
}
