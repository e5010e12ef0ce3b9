package io.moraine.pipeline.component;

import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Connected components in memory, each named by its first document in priority order.
 *
 * @cost about 200 bytes a document
 */
public final class Components {

  private final Map<RankedDocument, RankedDocument> parents = new HashMap<>();

  /** Joins the components of two documents. */
  public void join(RankedDocument a, RankedDocument b) {
    RankedDocument rootOfA = root(a);
    RankedDocument rootOfB = root(b);
    int order = rootOfA.compareTo(rootOfB);
    if (order < 0) {
      parents.put(rootOfB, rootOfA);
    } else if (order > 0) {
      parents.put(rootOfA, rootOfB);
    }
  }

  /**
   * Hands every document that is not the first of its component to {@code sink}, with the first.
   */
  public void forEach(BiConsumer<RankedDocument, RankedDocument> sink) {
    for (RankedDocument document : parents.keySet()) {
      RankedDocument root = root(document);
      if (!root.equals(document)) {
        sink.accept(document, root);
      }
    }
  }

  private RankedDocument root(RankedDocument document) {
    RankedDocument at = document;
    RankedDocument parent = parents.getOrDefault(at, at);
    while (!parent.equals(at)) {
      RankedDocument grandparent = parents.getOrDefault(parent, parent);
      parents.replace(at, grandparent);
      at = parent;
      parent = grandparent;
    }
    return at;
  }
}
