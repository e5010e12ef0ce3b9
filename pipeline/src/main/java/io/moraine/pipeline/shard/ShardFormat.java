package io.moraine.pipeline.shard;

import java.io.IOException;
import java.util.Locale;

/** The formats of token shards. */
public enum ShardFormat {

  /**
   * Megatron-LM's indexed dataset, a .bin and an .idx: whole documents, end-of-text at their end.
   *
   * @source NVIDIA, Megatron-LM, megatron/core/datasets/indexed_dataset.py
   */
  MEGATRON(10_000_000_000L),

  /**
   * llm.c: one stream of 16-bit tokens, end-of-text before each document.
   *
   * @source Karpathy, llm.c, dev/data/data_common.py, write_datafile ("gpt-2")
   */
  LLMC(100_000_000),

  /**
   * llm.c's variant of 32-bit tokens.
   *
   * @source Karpathy, llm.c, dev/data/data_common.py, write_datafile ("llama-3")
   */
  LLMC_U32(100_000_000),

  /**
   * modded-nanogpt: the bytes are those of {@link #LLMC}.
   *
   * @source Jordan et al., modded-nanogpt, train_gpt.py, _load_data_shard
   */
  NANOGPT(100_000_000);

  /** Ids that 16 bits can tell apart. */
  private static final int UINT16_IDS = 1 << 16;

  /** The count in the header is signed. */
  private static final long MAX_STREAM_TOKENS = Integer.MAX_VALUE;

  private final long usualShardTokens;

  ShardFormat(long usualShardTokens) {
    this.usualShardTokens = usualShardTokens;
  }

  /** How the format is called. */
  public String written() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** About how many tokens a shard of it usually has. */
  public long usualShardTokens() {
    return usualShardTokens;
  }

  /**
   * Checks that the format can hold a vocabulary.
   *
   * @throws IllegalArgumentException if ids do not fit its tokens
   */
  public void requireFits(int vocabularySize) {
    boolean narrow = this == LLMC || this == NANOGPT;
    if (narrow && vocabularySize > UINT16_IDS) {
      throw new IllegalArgumentException(
          "%s stores tokens in 16 bits: the vocabulary must have at most %,d ids, got %,d. Take %s or %s"
              .formatted(
                  written(), UINT16_IDS, vocabularySize, LLMC_U32.written(), MEGATRON.written()));
    }
  }

  /** Checks that one shard can have so many tokens. */
  public void requireShardTokens(long tokens) {
    if (this != MEGATRON && tokens > MAX_STREAM_TOKENS) {
      throw new IllegalArgumentException(
          "a shard of %s has at most %,d tokens, got %,d. Ask for smaller ones"
              .formatted(written(), MAX_STREAM_TOKENS, tokens));
    }
  }

  /**
   * Begins a shard.
   *
   * @param prefix what its files are called, without the ending
   * @param files where they are written
   * @param tokens how many it will have, end-of-text included
   * @param vocabularySize that {@link #requireFits} let pass
   * @param endOfText id that ends each document
   */
  public ShardWriter writer(
      String prefix, ShardFiles files, long tokens, int vocabularySize, int endOfText)
      throws IOException {
    return switch (this) {
      case MEGATRON -> MegatronWriter.create(prefix, files, vocabularySize);
      case LLMC, NANOGPT ->
          new StreamWriter(files.create(prefix + ".bin"), TokenWidth.UINT16, tokens, endOfText);
      case LLMC_U32 ->
          new StreamWriter(files.create(prefix + ".bin"), TokenWidth.UINT32, tokens, endOfText);
    };
  }
}
