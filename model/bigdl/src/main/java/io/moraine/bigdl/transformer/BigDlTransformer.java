package io.moraine.bigdl.transformer;

import io.moraine.bigdl.module.BigDlModel;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.train.TrainableModel;
import java.util.Optional;

/** A {@link LanguageModel} that tells its layers of the batch before each pass. */
final class BigDlTransformer implements TrainableModel {

  private final BigDlModel model;
  private final BatchAtHand batchAtHand;
  private final RouterBalance balance;

  BigDlTransformer(BigDlModel model, BatchAtHand batchAtHand, RouterBalance balance) {
    this.model = model;
    this.batchAtHand = batchAtHand;
    this.balance = balance;
  }

  @Override
  public double forwardBackward(TokenBatch batch, double weight) {
    batchAtHand.begin(batch, weight);
    return model.forwardBackward(batch, weight);
  }

  @Override
  public float[] tokenLosses(TokenBatch batch) {
    batchAtHand.begin(batch, 0);
    return model.tokenLosses(batch);
  }

  @Override
  public FlatBuffer parameters() {
    return model.parameters();
  }

  @Override
  public FlatBuffer gradients() {
    return model.gradients();
  }

  @Override
  public void zeroGradients() {
    model.zeroGradients();
  }

  @Override
  public Optional<ExpertBalance> expertBalance() {
    return balance.layers() == 0 ? Optional.empty() : Optional.of(balance);
  }

  @Override
  public void close() {
    model.close();
  }
}
