package io.moraine.model.collective;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which ranks share a host. Hosts are numbered by their first ranks, ranks of a host from 0 in
 * their order; the numbers are the same on all ranks.
 *
 * @param ranks of each host, in order
 */
record Hosts(List<List<Integer>> ranks) {

  /** Groups ranks by the names of their hosts. */
  static Hosts of(List<String> names) {
    Map<String, List<Integer>> byName = new LinkedHashMap<>();
    for (int rank = 0; rank < names.size(); rank++) {
      byName.computeIfAbsent(names.get(rank), unused -> new ArrayList<>()).add(rank);
    }
    return new Hosts(List.copyOf(byName.values()));
  }

  /** Number of hosts, H. */
  int count() {
    return ranks.size();
  }

  /** Ranks of each host, L, if all have as many. */
  int each() {
    return ranks.get(0).size();
  }

  /** Whether all hosts have as many ranks. */
  boolean isEven() {
    return ranks.stream().allMatch(host -> host.size() == each());
  }

  int rank(int host, int local) {
    return ranks.get(host).get(local);
  }

  int host(int rank) {
    for (int host = 0; host < count(); host++) {
      if (ranks.get(host).contains(rank)) {
        return host;
      }
    }
    throw new IllegalArgumentException("rank %d is on none of the hosts %s".formatted(rank, ranks));
  }

  /** A rank's number on its host. */
  int local(int rank) {
    return ranks.get(host(rank)).indexOf(rank);
  }
}
