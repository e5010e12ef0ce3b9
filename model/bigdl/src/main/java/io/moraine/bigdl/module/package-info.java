/**
 * Any BigDL module and criterion as a {@code TrainableModel}: {@link
 * io.moraine.bigdl.module.BigDlModel}. Inside BigDL's class loader.
 */
package io.moraine.bigdl.module;
