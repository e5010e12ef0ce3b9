package io.moraine.model.collective;

import io.moraine.model.collective.codec.DamagedPayloadException;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The root's values to everybody: each chunk goes to one rank, in turn, that passes it on to the
 * others, so that the root sends about two copies however many ranks there are. What it passes on
 * are the root's bytes.
 *
 * @param root whose values are sent
 */
record Broadcast(Wire wire, int root) {

  /** Bytes of a chunk that is no floats. */
  static final int CHUNK_BYTES = 4 * Wire.CHUNK;

  private static final int SIZE_BYTES = 4;

  /** A chunk of what is sent. */
  private interface Chunks {

    /** Bytes of a chunk. */
    int length(int chunk);

    /** Writes it, at the root. */
    void encode(int chunk, ByteBuffer bytes);

    /** Takes it, on every rank. */
    void decode(int chunk, ByteBuffer bytes);
  }

  /** Replaces the values by the root's, as the codec makes them. */
  void floats(float[] values, GradientCodec codec) {
    ChunkCoder coder = new ChunkCoder(codec);
    run(
        chunks(values.length, Wire.CHUNK),
        new Chunks() {
          @Override
          public int length(int chunk) {
            return codec.encodedBytes(elements(chunk));
          }

          @Override
          public void encode(int chunk, ByteBuffer bytes) {
            coder.encode(values, chunk * Wire.CHUNK, bytes, elements(chunk));
          }

          @Override
          public void decode(int chunk, ByteBuffer bytes) {
            coder.decode(bytes, values, chunk * Wire.CHUNK, elements(chunk));
          }

          private int elements(int chunk) {
            return Math.min(Wire.CHUNK, values.length - chunk * Wire.CHUNK);
          }
        });
  }

  /**
   * The root's bytes, whose number only the root knows. Memory for them grows with what has
   * arrived: until then their number is only what the root says.
   */
  byte[] bytes(byte[] own) {
    int size = size(own);
    byte[][] all = {wire.rank() == root ? own : new byte[0]};
    run(
        chunks(size, CHUNK_BYTES),
        new Chunks() {
          @Override
          public int length(int chunk) {
            return Math.min(CHUNK_BYTES, size - chunk * CHUNK_BYTES);
          }

          @Override
          public void encode(int chunk, ByteBuffer bytes) {
            bytes.put(all[0], chunk * CHUNK_BYTES, length(chunk));
          }

          @Override
          public void decode(int chunk, ByteBuffer bytes) {
            DamagedPayloadException.requireLength(bytes.remaining(), length(chunk));
            long end = (long) chunk * CHUNK_BYTES + length(chunk);
            if (end > all[0].length) {
              all[0] = Arrays.copyOf(all[0], (int) Math.min(size, 2 * end));
            }
            bytes.get(all[0], chunk * CHUNK_BYTES, length(chunk));
          }
        });
    return all[0];
  }

  private int size(byte[] own) {
    if (wire.rank() != root) {
      int[] size = new int[1];
      wire.receive(
          root,
          SIZE_BYTES,
          bytes -> {
            DamagedPayloadException.requireLength(bytes.remaining(), SIZE_BYTES);
            size[0] = bytes.getInt();
          });
      return Wire.requireCount(root, size[0]);
    }
    Payload payload = wire.encode(SIZE_BYTES, bytes -> bytes.putInt(own.length));
    wire.sendToAll(payload);
    payload.release();
    return own.length;
  }

  private void run(int count, Chunks chunks) {
    for (int chunk = 0; chunk < count; chunk++) {
      int number = chunk;
      int relay = chunk % wire.worldSize();
      if (wire.rank() == root) {
        Payload payload = wire.encode(chunks.length(chunk), bytes -> chunks.encode(number, bytes));
        if (relay == root) {
          wire.sendToAll(payload);
        } else {
          wire.send(relay, payload);
        }
        chunks.decode(chunk, payload.buffer());
        payload.release();
      } else {
        pass(number, relay, chunks);
      }
    }
  }

  private void pass(int chunk, int relay, Chunks chunks) {
    int from = wire.rank() == relay ? root : relay;
    Payload payload = wire.receivePayload(from, chunks.length(chunk));
    for (int turn = 1; turn < wire.worldSize() && wire.rank() == relay; turn++) {
      if (wire.peer(turn) != root) {
        wire.send(wire.peer(turn), payload);
      }
    }
    Wire.use(from, payload, bytes -> chunks.decode(chunk, bytes));
    payload.release();
  }

  private static int chunks(int length, int chunk) {
    return length / chunk + (length % chunk > 0 ? 1 : 0);
  }
}
