package io.moraine.jobs.batch;

/**
 * Rows of packed sequences in a device's memory, as a columnar engine hands them over. What it says
 * of its memory holds until it is closed; its writing is done.
 */
public interface DeviceTable extends AutoCloseable {

  /**
   * Int32 that lie one behind the other.
   *
   * @param address of the first; 0 if there are none
   * @param elements how many
   */
  record Ints(long address, long elements) {}

  /** Ids of the rows, copied to the host: 8 bytes a row. */
  long[] ids();

  /** How many tokens of each row are some, copied to the host: 4 bytes a row. */
  int[] filled();

  /** The tokens of all rows. */
  Ints tokens();

  /** Where each row's tokens begin among these; one more than there are rows. */
  Ints tokenOffsets();

  /** The places at which documents begin, of all rows. */
  Ints starts();

  /** Where each row's places begin among these; one more than there are rows. */
  Ints startOffsets();

  /** Gives the memory back. */
  @Override
  void close();
}
