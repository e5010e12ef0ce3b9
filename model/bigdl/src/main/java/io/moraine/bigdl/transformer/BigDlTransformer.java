package io.moraine.bigdl.transformer;

import io.moraine.bigdl.module.BigDlModel;
import io.moraine.model.data.Batch;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.train.LossSum;
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
  public void learn(Batch batch, double weight) {
    batchAtHand.begin(TokenBatch.of(batch), weight);
    model.learn(batch, weight);
  }

  @Override
  public LossSum takeLoss() {
    return model.takeLoss();
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
