/**
 * Corpus preparation: from files to packed token sequences. Plain Java, one package per problem;
 * only {@code io.moraine.pipeline.spark} knows Spark.
 */
package io.moraine.pipeline;
