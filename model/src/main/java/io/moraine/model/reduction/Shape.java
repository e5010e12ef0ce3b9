package io.moraine.model.reduction;

/**
 * Sizes of a matrix and its factors.
 *
 * @param lowRank columns of each factor
 */
record Shape(int rows, int columns, int lowRank) {}
