package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.reduction.LowRankLayout.Matrix;
import io.moraine.model.reduction.LowRankLayout.Plain;
import io.moraine.model.tensor.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Each matrix of gradients as a product of two thin ones, by one step of subspace iteration: {@code
 * P = M Q} summed over ranks and made orthonormal, then {@code Q = M^T P} summed; the owner takes
 * its shard from {@code P Q^T}. The next step begins with this Q, and with what this rank's own
 * {@code P Q^T} left out.
 *
 * <p>P, Q and what is sent plain are summed in float32 in the order of ranks, so all ranks have the
 * same bits of them. A matrix that is all zero on this rank, as that of an expert without tokens,
 * adds nothing to the factors, and what it is owed waits. A column of Q that would become zero,
 * since the matrix has a lower rank or rests on all ranks, stays as it was: zero would stay zero.
 *
 * <p>A matrix is reduced with the bucket in which it begins.
 *
 * <p>Differs from the source: sums, not means, since the trainer divides. A warm-up with whole
 * gradients is the trainer's.
 *
 * @source Vogels et al., PowerSGD, 2019, arXiv:1905.13727, algorithms 1 and 2
 * @cost {@code 2 r} products and sums per element for each of P, Q and the residual; N and the
 *     largest matrix in memory; two all-reduces of the factors of each bucket
 */
final class PowerSgd implements GradientReduction {

  private static final GradientCodec FP32 = GradientCodec.of("fp32");

  private final Communicator communicator;
  private final Buckets buckets;
  private final Gradients gradients;
  private final List<CarriedState> state = new ArrayList<>();
  private final List<LowRankLayout> factors = new ArrayList<>();
  private final int lowRank;
  private final boolean hasFeedback;
  private final float[] residual;
  private final float[] right;
  private final float[] gradient;

  PowerSgd(
      Communicator communicator,
      Buckets buckets,
      List<Slice> slices,
      Gradients gradients,
      ReductionConfig.PowerSgd config,
      long seed) {
    this.communicator = communicator;
    this.buckets = buckets;
    this.gradients = gradients;
    this.lowRank = config.lowRank();
    this.hasFeedback = config.hasFeedback();
    for (ShardLayout bucket : buckets.list()) {
      factors.add(LowRankLayout.of(beginningIn(bucket, slices), lowRank));
    }
    this.residual = new float[Math.toIntExact(buckets.length())];
    this.right = new float[factors.stream().mapToInt(LowRankLayout::rightLength).sum()];
    this.gradient = new float[factors.stream().mapToInt(LowRankLayout::largest).max().orElse(0)];
    drawRight(seed);
    state.add(new ArrayState("powersgd_q", right, CarriedState.Sharing.SAME));
    if (hasFeedback) {
      state.add(new ArrayState("powersgd_residual", residual, CarriedState.Sharing.OWED));
    }
  }

  private static List<Slice> beginningIn(ShardLayout bucket, List<Slice> slices) {
    long end = bucket.start() + bucket.length();
    return slices.stream()
        .filter(slice -> slice.offsetElements() >= bucket.start() && slice.offsetElements() < end)
        .toList();
  }

  @Override
  public void reduce(int bucket, OwnedGradients sum) {
    LowRankLayout layout = factors.get(bucket);
    int rightOffset =
        factors.subList(0, bucket).stream().mapToInt(LowRankLayout::rightLength).sum();
    float[] before = Arrays.copyOfRange(right, rightOffset, rightOffset + layout.rightLength());
    float[] after = new float[before.length];
    float[] left = new float[layout.leftLength()];
    List<Matrix> taking = new ArrayList<>();
    for (Matrix m : layout.matrices()) {
      if (owe(m)) {
        taking.add(m);
        Factors.left(residual, at(m), shape(m), before, m.right(), left, m.left());
      }
    }
    for (Plain range : layout.plain()) {
      gradients.read(range.offset(), left, range.place(), range.length());
    }
    communicator.allReduce(left, FP32);
    for (Matrix m : layout.matrices()) {
      Factors.orthonormalize(left, m.left(), m.rows(), lowRank);
    }
    for (Matrix m : taking) {
      Factors.right(residual, at(m), shape(m), left, m.left(), after, m.right());
      settle(m, left, after);
    }
    communicator.allReduce(after, FP32);
    int own = buckets.get(bucket).size(communicator.rank());
    sum.clear(buckets.shardOffset(bucket, communicator.rank()), own);
    write(bucket, left, after, sum);
    keepZeroColumns(layout, before, after);
    System.arraycopy(after, 0, right, rightOffset, after.length);
  }

  @Override
  public List<CarriedState> state() {
    return state;
  }

  /** Adds a matrix of gradients to what is owed, unless it is all zero. */
  private boolean owe(Matrix m) {
    gradients.read(m.offset(), gradient, 0, m.length());
    if (isZero(gradient, 0, m.length())) {
      return false;
    }
    for (int i = 0; i < m.length(); i++) {
      residual[at(m) + i] += gradient[i];
    }
    return true;
  }

  /** Takes what this rank's factors say from what is owed. */
  private void settle(Matrix m, float[] left, float[] after) {
    if (!hasFeedback) {
      Arrays.fill(residual, at(m), at(m) + m.length(), 0);
      return;
    }
    float[] sent = new float[m.columns()];
    for (int i = 0; i < m.rows(); i++) {
      Factors.row(i, shape(m), left, m.left(), after, m.right(), sent);
      int row = at(m) + i * m.columns();
      for (int j = 0; j < m.columns(); j++) {
        residual[row + j] -= sent[j];
      }
    }
  }

  /** What of a bucket's products this rank owns, in it and in those behind it. */
  private void write(int bucket, float[] left, float[] after, OwnedGradients sum) {
    LowRankLayout layout = factors.get(bucket);
    for (int to = bucket; to < buckets.count() && buckets.get(to).start() < layout.end(); to++) {
      for (Plain range : layout.plain()) {
        write(
            range.offset(),
            range.length(),
            to,
            sum,
            (from, values) ->
                System.arraycopy(
                    left,
                    range.place() + Math.toIntExact(from - range.offset()),
                    values,
                    0,
                    values.length));
      }
      for (Matrix m : layout.matrices()) {
        write(
            m.offset(), m.length(), to, sum, (from, values) -> rows(m, left, after, from, values));
      }
    }
  }

  /** Gives numbers from an element on. */
  @FunctionalInterface
  private interface Source {
    void give(long from, float[] values);
  }

  /** Puts what of a range this rank owns in a bucket. */
  private void write(long offset, int length, int bucket, OwnedGradients sum, Source source) {
    long own = buckets.get(bucket).from(communicator.rank());
    long from = Math.max(offset, own);
    long end = Math.min(offset + length, buckets.get(bucket).to(communicator.rank()));
    if (from < end) {
      float[] values = new float[(int) (end - from)];
      source.give(from, values);
      int shardOffset = buckets.shardOffset(bucket, communicator.rank()) + (int) (from - own);
      sum.put(shardOffset, values, 0, values.length);
    }
  }

  /** A part of a matrix, which may begin and end within a row. */
  private void rows(Matrix m, float[] left, float[] after, long from, float[] values) {
    float[] row = new float[m.columns()];
    int at = Math.toIntExact(from - m.offset());
    for (int done = 0, count; done < values.length; done += count) {
      int column = (at + done) % m.columns();
      count = Math.min(m.columns() - column, values.length - done);
      Factors.row((at + done) / m.columns(), shape(m), left, m.left(), after, m.right(), row);
      System.arraycopy(row, column, values, done, count);
    }
  }

  private void drawRight(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < right.length; i++) {
      right[i] = (float) (2 * random.nextDouble() - 1);
    }
  }

  private void keepZeroColumns(LowRankLayout layout, float[] before, float[] after) {
    for (Matrix m : layout.matrices()) {
      for (int c = 0; c < lowRank; c++) {
        int from = m.right() + c * m.columns();
        if (isZero(after, from, from + m.columns())) {
          System.arraycopy(before, from, after, from, m.columns());
        }
      }
    }
  }

  private static boolean isZero(float[] values, int from, int to) {
    for (int i = from; i < to; i++) {
      if (values[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static int at(Matrix m) {
    return Math.toIntExact(m.offset());
  }

  private Shape shape(Matrix m) {
    return new Shape(m.rows(), m.columns(), lowRank);
  }
}
