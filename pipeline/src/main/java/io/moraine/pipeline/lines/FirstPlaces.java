package io.moraine.pipeline.lines;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The first so many of all places that were added. */
public final class FirstPlaces {

  private final int most;
  private final List<UnitPlace> places = new ArrayList<>();

  public FirstPlaces(int most) {
    this.most = most;
  }

  /** Takes a place that was not added before; the last one drops out if there are too many. */
  public void add(UnitPlace place) {
    int at = -Collections.binarySearch(places, place) - 1;
    if (at < most) {
      places.add(at, place);
      if (places.size() > most) {
        places.remove(most);
      }
    }
  }

  /** In order. */
  public List<UnitPlace> places() {
    return Collections.unmodifiableList(places);
  }
}
