/**
 * BigDL DLlib beside today's Scala and Spark. {@link io.moraine.bigdl.BigDl} opens it; this package
 * is seen inside and outside of its class loader, those below it are inside alone.
 */
package io.moraine.bigdl;
