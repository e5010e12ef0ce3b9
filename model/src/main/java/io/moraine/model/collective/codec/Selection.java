package io.moraine.model.collective.codec;

/** The n-th largest of numbers, without sorting them all. */
final class Selection {

  private Selection() {}

  /**
   * Finds it.
   *
   * @param values changed: partly sorted afterwards
   * @param n from 1, the largest, to as many as there are
   * @source Hoare, Algorithm 65: Find, 1961, doi:10.1145/366622.366647
   * @cost about 3 passes over the values
   */
  static int nthLargest(int[] values, int n) {
    int wanted = values.length - n;
    int from = 0;
    int to = values.length - 1;
    while (from < to) {
      int pivot = median(values[from], values[from + (to - from) / 2], values[to]);
      int i = from;
      int j = to;
      while (i <= j) {
        while (values[i] < pivot) {
          i++;
        }
        while (values[j] > pivot) {
          j--;
        }
        if (i <= j) {
          int value = values[i];
          values[i++] = values[j];
          values[j--] = value;
        }
      }
      if (wanted <= j) {
        to = j;
      } else if (wanted >= i) {
        from = i;
      } else {
        return pivot;
      }
    }
    return values[wanted];
  }

  private static int median(int a, int b, int c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
