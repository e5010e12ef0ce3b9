package io.moraine.pipeline.tokenizer;

import java.util.Arrays;

/** A growing array of int. */
final class IntList {

  private int[] values = new int[4];
  private int size;

  void add(int value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size++] = value;
  }

  void addUnlessLast(int value) {
    if (size == 0 || values[size - 1] != value) {
      add(value);
    }
  }

  int get(int index) {
    return values[index];
  }

  int size() {
    return size;
  }

  int[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
