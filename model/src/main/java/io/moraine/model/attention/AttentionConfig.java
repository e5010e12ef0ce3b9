package io.moraine.model.attention;

/** Kind and sizes of attention. */
public sealed interface AttentionConfig permits LatentConfig, GroupedQueryConfig {

  /** Query heads, H. */
  int heads();

  /** Size of a query or key per head, Q. */
  int queryDim();

  /** Size of the part of a query or key that positions rotate; even. */
  int rotaryDim();

  /** Size of a value per head. */
  int valueDim();

  /** Numbers that a cache keeps per token and layer. */
  int cachedPerToken();

  /** Numbers that full multi-head attention of as many heads would keep per token and layer. */
  long fullyCachedPerToken();
}
