package io.moraine.pipeline.shard;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Megatron's pair of files: tokens in .bin, and in .idx the length and place of each sequence and
 * where documents begin. A sequence of Megatron's is one of our documents.
 *
 * @cost 4 bytes of memory a document until the index is written at the end
 */
final class MegatronWriter implements ShardWriter {

  private static final byte[] MAGIC = "MMIDIDX\0\0".getBytes(StandardCharsets.US_ASCII);
  private static final long VERSION = 1;
  private static final byte INT32 = 4;
  private static final byte UINT16 = 8;

  /** Megatron's own rule, not that of the type: from here on it takes int32. */
  private static final int FIRST_INT32_VOCABULARY = 65_500;

  private final LittleEndianOutput tokensFile;
  private final LittleEndianOutput indexFile;
  private final TokenWidth width;
  private int[] lengths = new int[1024];
  private int documents;

  private MegatronWriter(OutputStream tokensFile, OutputStream indexFile, TokenWidth width) {
    this.tokensFile = new LittleEndianOutput(tokensFile);
    this.indexFile = new LittleEndianOutput(indexFile);
    this.width = width;
  }

  static MegatronWriter create(String prefix, ShardFiles files, int vocabularySize)
      throws IOException {
    TokenWidth width =
        vocabularySize < FIRST_INT32_VOCABULARY ? TokenWidth.UINT16 : TokenWidth.UINT32;
    OutputStream tokens = files.create(prefix + "_text_document.bin");
    try {
      return new MegatronWriter(tokens, files.create(prefix + "_text_document.idx"), width);
    } catch (IOException e) {
      tokens.close();
      throw e;
    }
  }

  @Override
  public void add(int[] tokens) throws IOException {
    tokensFile.putTokens(tokens, 0, tokens.length, width);
    if (documents == lengths.length) {
      lengths = Arrays.copyOf(lengths, 2 * documents);
    }
    lengths[documents++] = tokens.length;
  }

  @Override
  public void close() throws IOException {
    try (tokensFile;
        indexFile) {
      indexFile.put(MAGIC);
      indexFile.putLong(VERSION);
      indexFile.put(new byte[] {width == TokenWidth.UINT16 ? UINT16 : INT32});
      indexFile.putLong(documents);
      indexFile.putLong(documents + 1L);
      for (int i = 0; i < documents; i++) {
        indexFile.putInt(lengths[i]);
      }
      long pointerBytes = 0;
      for (int i = 0; i < documents; i++) {
        indexFile.putLong(pointerBytes);
        pointerBytes += (long) lengths[i] * width.bytes();
      }
      for (long i = 0; i <= documents; i++) {
        indexFile.putLong(i);
      }
    }
  }
}
