package io.moraine.model.train;

import io.moraine.model.collective.Communicator;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.data.TokenSource;
import java.io.IOException;
import java.util.Optional;

/**
 * The loss on held-out sequences, which are dealt out to the ranks.
 *
 * @param source held-out sequences
 * @param most of them that are looked at, the first ones
 */
record HeldOutLoss(TokenSource source, int most) {

  /** How many are looked at. */
  long sequences() {
    return Math.min(source.sequences(), most);
  }

  /** Mean loss of a token, nats; NaN if there is none. All ranks call it together. */
  double of(TrainableModel model, Communicator communicator) throws IOException {
    long count = sequences();
    double sum = 0;
    long predicted = 0;
    for (long first = 0; first < count; first += communicator.worldSize()) {
      long sequence = first + communicator.rank();
      Optional<TokenBatch> batch =
          sequence < count ? Optional.of(source.batch(sequence)) : Optional.empty();
      int predictions = batch.map(TokenBatch::predictions).orElse(0);
      if (predictions > 0) {
        sum += model.loss(batch.get()) * predictions;
        predicted += predictions;
      } else {
        model.serveOthers(false, source.length());
      }
    }
    return new LossSum(sum, predicted).overAllRanks(communicator).mean();
  }
}
